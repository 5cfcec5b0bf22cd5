"""Convolutions as layers."""

from __future__ import annotations

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.nn import functional as F
from gpunn.nn.conv.layer import ConvLayer, Size
from gpunn.ops.conv.convolve import conv_relu
from gpunn.tensor import Tensor


class _Convolution(ConvLayer):
    """What convolutions of every rank share, but for transposed ones."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        rest = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *rest)

    def with_relu(self, input: Tensor) -> Tensor:
        """relu(self(input)) with the same numbers, for layers that fuse. No hooks are called."""
        x, padding = self._prepared(input)
        return conv_relu(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    """As `Conv2d`, for sequences: `weight` (out_channels, in_channels / groups, kL)."""

    _rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Convolution):
    """Cross-correlation with `weight` (out_channels, in_channels / groups, kH, kW), plus `bias` (out_channels,).

    `padding` is a number of zeros on each side, or "valid" (none), "same" (the output has the size of the input), or
    "full" (the kernel overlaps the input in at least one element; gpunn's own).
    """

    _rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Convolution):
    """As `Conv2d`, for volumes: `weight` (out_channels, in_channels / groups, kD, kH, kW)."""

    _rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, D, H, W) or (C, D, H, W) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
