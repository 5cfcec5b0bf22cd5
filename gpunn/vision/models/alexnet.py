"""AlexNet for one GPU. Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks"."""

from __future__ import annotations

from typing import Any

from gpunn import nn
from gpunn.tensor import Tensor
from gpunn.vision.models.weights import refuse_weights


class AlexNet(nn.Module):
    """Five convolutions and three linear layers: (N, 3, H, W) → (N, num_classes) scores, H and W at least 63.

    In training, half of the inputs of the first two linear layers are dropped, or the share `dropout`. 61,100,840
    parameters with 1000 classes.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (N, 3, 224, 224)
            nn.Conv2d(3, 64, 11, stride=4, padding=2),  # (N, 64, 55, 55)
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),  # (N, 64, 27, 27)
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),  # (N, 192, 13, 13)
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),  # (N, 256, 6, 6)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, num_classes)"""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


def alexnet(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> AlexNet:
    """AlexNet(**kwargs). There are no trained weights: UnsupportedError if `weights` or `pretrained` ask for them."""
    refuse_weights("alexnet", weights, pretrained)
    return AlexNet(**kwargs)
