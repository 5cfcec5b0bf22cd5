"""What GoogLeNet and Inception have in common."""

from __future__ import annotations

from typing import Any, Final

from gpunn import nn
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.container.fusion import can_have_relu, fused
from gpunn.ops import tensor
from gpunn.tensor import Tensor

# Mean and deviation of the colours of ImageNet, by which images are normalised now; then it was 0.5 and 0.5.
MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)


class BasicConv2d(nn.Module):
    """A convolution without bias, BatchNorm2d and ReLU. `kwargs` are Conv2d's."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, …)"""
        x = self.conv(x)
        return fused(self.bn, x) if can_have_relu(self.bn) else F.relu(self.bn(x), inplace=True)


def as_then(x: Tensor) -> Tensor:
    """Images (N, 3, H, W), normalised by MEAN and DEVIATION, as if by mean 0.5 and deviation 0.5."""
    scale, shift = [
        tensor([[[value]] for value in values], dtype=x.dtype, device=x.device)
        for values in ([d / 0.5 for d in DEVIATION], [(m - 0.5) / 0.5 for m in MEAN])
    ]
    return x * scale + shift


def start(layer: nn.Module, deviation: float) -> None:
    """Draw the weight of a convolution or linear layer from normal numbers between -2 and 2."""
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        init.trunc_normal_(layer.weight, 0.0, deviation, -2.0, 2.0)
