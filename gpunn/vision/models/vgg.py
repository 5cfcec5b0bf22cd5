"""VGG. Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015."""

from __future__ import annotations

from typing import Any, Final

from gpunn import nn
from gpunn.nn import init
from gpunn.tensor import Tensor
from gpunn.vision.models.weights import refuse_weights

WIDTHS: Final = (64, 128, 256, 512, 512)  # channels of the convolutions between two poolings
DEPTHS: Final = {  # how many convolutions these are, by the number of all layers with weights
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class VGG(nn.Module):
    """`features`, which give 512 channels, and three linear layers: (N, 3, H, W) → (N, num_classes) scores.

    H and W are at least 32. In training, half of the inputs of the last two linear layers are dropped, or the share
    `dropout`. Convolutions start Kaiming normal by fan_out, linear weights normal with deviation 0.01, biases at 0,
    unless `init_weights` is off.
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self.apply(_start)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, num_classes)"""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


def _start(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(layer, nn.Linear):
        init.normal_(layer.weight, 0, 0.01)
    else:
        return
    if layer.bias is not None:
        init.zeros_(layer.bias)


def features(depth: int, batch_norm: bool) -> nn.Sequential:
    """The convolutions of the VGG of `depth` layers, 3×3 with ReLU, and a halving max pooling after each of five parts.

    With `batch_norm`, a BatchNorm2d comes before each ReLU.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width, count in zip(WIDTHS, DEPTHS[depth], strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(2, stride=2))
    return nn.Sequential(*layers)


def vgg11(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 11 layers: 132,863,336 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg11", weights, pretrained)
    return VGG(features(11, False), **kwargs)


def vgg11_bn(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 11 layers, with BatchNorm2d: 132,868,840 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg11_bn", weights, pretrained)
    return VGG(features(11, True), **kwargs)


def vgg13(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 13 layers: 133,047,848 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg13", weights, pretrained)
    return VGG(features(13, False), **kwargs)


def vgg13_bn(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 13 layers, with BatchNorm2d: 133,053,736 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg13_bn", weights, pretrained)
    return VGG(features(13, True), **kwargs)


def vgg16(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 16 layers: 138,357,544 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg16", weights, pretrained)
    return VGG(features(16, False), **kwargs)


def vgg16_bn(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 16 layers, with BatchNorm2d: 138,365,992 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg16_bn", weights, pretrained)
    return VGG(features(16, True), **kwargs)


def vgg19(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 19 layers: 143,667,240 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg19", weights, pretrained)
    return VGG(features(19, False), **kwargs)


def vgg19_bn(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> VGG:
    """The VGG of 19 layers, with BatchNorm2d: 143,678,248 parameters, not trained (or UnsupportedError)."""
    refuse_weights("vgg19_bn", weights, pretrained)
    return VGG(features(19, True), **kwargs)
