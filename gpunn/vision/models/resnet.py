"""ResNet. He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016.

Wide: Zagoruyko & Komodakis, "Wide residual networks", BMVC 2016. ResNeXt: Xie, Girshick, Dollár, Tu & He, "Aggregated
residual transformations for deep neural networks", CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from gpunn import nn
from gpunn.errors import ArgumentError, UnsupportedError
from gpunn.nn import init
from gpunn.nn.container.fusion import can_fuse, fused
from gpunn.tensor import Tensor
from gpunn.vision.models.weights import refuse_weights

Norm = Callable[[int], nn.Module]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution of 3×3 without bias that keeps the size, but for the stride."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A convolution of 1×1 without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


def relu_of(norm: nn.Module, relu: nn.Module, y: Tensor) -> Tensor:
    """relu(norm(y)), in one where nobody can tell."""
    result: Tensor = fused(norm, y) if can_fuse(norm, relu) else relu(norm(y))
    return result


def relu_of_sum(norm: nn.Module, relu: nn.Module, y: Tensor, x: Tensor, downsample: nn.Module | None) -> Tensor:
    """relu(norm(y) + downsample(x)), in one where nobody can tell but by the rounding of half types."""
    if isinstance(norm, nn.BatchNorm2d) and can_fuse(norm, relu):
        residual = x if downsample is None else downsample(x)
        if residual.shape == y.shape and residual.dtype == y.dtype:
            return fused(norm, y, residual)
        return relu(norm(y) + residual)
    y = norm(y)
    y += x if downsample is None else downsample(x)
    return relu(y)


class BasicBlock(nn.Module):
    """relu(x + two convolutions of 3×3 of x). `downsample` makes x fit where size or channels change."""

    expansion: ClassVar = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ArgumentError(
                f"BasicBlock only supports groups=1 and base_width=64, got {groups} and {base_width}; take Bottleneck"
            )
        if dilation > 1:
            raise UnsupportedError(f"Dilation > 1 not supported in BasicBlock, got {dilation}; take Bottleneck")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, inplanes, H, W) → (N, planes, H / stride, W / stride)"""
        y = relu_of(self.bn1, self.relu, self.conv1(x))
        return relu_of_sum(self.bn2, self.relu, self.conv2(y), x, self.downsample)


class Bottleneck(nn.Module):
    """relu(x + three convolutions of x: 1×1 to fewer channels, 3×3, and 1×1 to 4 · planes).

    `groups` and `base_width` set the channels of the 3×3: planes · base_width / 64 · groups. The stride is that of the
    3×3. `downsample` makes x fit where size or channels change.
    """

    expansion: ClassVar = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, inplanes, H, W) → (N, 4 · planes, H / stride, W / stride)"""
        y = relu_of(self.bn1, self.relu, self.conv1(x))
        y = relu_of(self.bn2, self.relu, self.conv2(y))
        return relu_of_sum(self.bn3, self.relu, self.conv3(y), x, self.downsample)


class ResNet(nn.Module):
    """A convolution, four parts of `layers` blocks each, and a linear layer: (N, 3, H, W) → (N, num_classes) scores.

    Each part but the first halves the size, or, where `replace_stride_with_dilation` says so, dilates instead.
    Convolutions start Kaiming normal by fan_out; with `zero_init_residual` the last norm of each block starts at 0, so
    that a block first passes on its input (Goyal et al. 2017).
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        dilates = [False] * 3 if replace_stride_with_dilation is None else list(replace_stride_with_dilation)
        if len(dilates) != 3:
            raise ArgumentError(
                "ResNet: replace_stride_with_dilation should be None or a 3-element tuple, "
                f"got {replace_stride_with_dilation}"
            )
        self._norm_layer: Norm = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0], 1, False)
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilates[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilates[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilates[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._start(zero_init_residual)

    def _start(self, zero_init_residual: bool) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(layer, (BasicBlock, Bottleneck)):
                last: Any = layer.bn3 if isinstance(layer, Bottleneck) else layer.bn2
                init.zeros_(last.weight)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], planes: int, count: int, stride: int, dilate: bool
    ) -> nn.Sequential:
        """`count` blocks, of which the first has the stride and the change of channels."""
        norm, first_dilation, out = self._norm_layer, self.dilation, planes * block.expansion
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), norm(out))
        rest = (self.groups, self.base_width)
        blocks = [block(self.inplanes, planes, stride, downsample, *rest, first_dilation, norm)]
        self.inplanes = out
        blocks += [block(out, planes, 1, None, *rest, self.dilation, norm) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, num_classes)"""
        x = self.maxpool(relu_of(self.bn1, self.relu, self.conv1(x)))  # (N, 64, H / 4, W / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 512 · expansion, H / 32, W / 32)
        scores: Tensor = self.fc(self.avgpool(x).flatten(1))
        return scores


def resnet18(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The ResNet of 18 layers: 11,689,512 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnet18", weights, pretrained)
    return ResNet(BasicBlock, (2, 2, 2, 2), **kwargs)


def resnet34(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The ResNet of 34 layers: 21,797,672 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnet34", weights, pretrained)
    return ResNet(BasicBlock, (3, 4, 6, 3), **kwargs)


def resnet50(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The ResNet of 50 layers: 25,557,032 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnet50", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 6, 3), **kwargs)


def resnet101(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The ResNet of 101 layers: 44,549,160 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnet101", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 23, 3), **kwargs)


def resnet152(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The ResNet of 152 layers: 60,192,808 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnet152", weights, pretrained)
    return ResNet(Bottleneck, (3, 8, 36, 3), **kwargs)


def resnext50_32x4d(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Blocks with 32 groups of 4 · planes / 64 channels: 25,028,904 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnext50_32x4d", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 6, 3), groups=32, width_per_group=4, **kwargs)


def resnext101_32x8d(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Blocks with 32 groups of 8 · planes / 64 channels: 88,791,336 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnext101_32x8d", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=8, **kwargs)


def resnext101_64x4d(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Blocks with 64 groups of 4 · planes / 64 channels: 83,455,272 parameters, not trained (or UnsupportedError)."""
    refuse_weights("resnext101_64x4d", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=64, width_per_group=4, **kwargs)


def wide_resnet50_2(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Twice the channels inside the blocks: 68,883,240 parameters, not trained (or UnsupportedError)."""
    refuse_weights("wide_resnet50_2", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 6, 3), width_per_group=128, **kwargs)


def wide_resnet101_2(weights: None = None, progress: bool = True, pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Twice the channels inside the blocks: 126,886,696 parameters, not trained (or UnsupportedError)."""
    refuse_weights("wide_resnet101_2", weights, pretrained)
    return ResNet(Bottleneck, (3, 4, 23, 3), width_per_group=128, **kwargs)
