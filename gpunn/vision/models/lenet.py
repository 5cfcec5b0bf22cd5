"""LeNet-5. LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"."""

from __future__ import annotations

from typing import Any

from gpunn import nn
from gpunn.tensor import Tensor


class LeNet5(nn.Module):
    """Two convolutions with pooling, then three linear layers: (N, in_channels, 28, 28) → (N, num_classes) scores.

    `padding` 2 makes 28×28 images the 32×32 of the paper; give 0 for images of that size. `classic` takes the paper's
    tanh and average pooling in place of ReLU and max pooling. 61,706 parameters.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, padding: int = 2, classic: bool = False) -> None:
        super().__init__()
        act: type[Any] = nn.Tanh if classic else nn.ReLU
        pool: type[Any] = nn.AvgPool2d if classic else nn.MaxPool2d
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=padding),  # (N, 6, 28, 28)
            act(),
            pool(2),  # (N, 6, 14, 14)
            nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
            act(),
            pool(2),  # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            act(),
            nn.Linear(120, 84),
            act(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(x))
        return scores
