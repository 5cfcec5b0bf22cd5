"""What convolutional layers of every rank share: settings, parameters and their first values."""

from __future__ import annotations

import math
from typing import ClassVar

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.ops.shape.dims import of_each
from gpunn.tensor import Tensor

Size = int | tuple[int, ...]

PADDINGS = ("same", "valid", "full")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvLayer(Module):
    """What convolutions of every rank share: settings, parameters, their first values."""

    weight: Parameter
    bias: Parameter | None

    _rank: ClassVar[int]  # not `rank`, which classes of users have for other things
    is_transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: DeviceLike,
        dtype: dtype | None,
        output_padding: Size = 0,
    ) -> None:
        super().__init__()
        rank = self._rank
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _sizes("kernel_size", kernel_size, rank)
        self.stride = _sizes("stride", stride, rank)
        self.padding = padding if isinstance(padding, str) else _sizes("padding", padding, rank)
        self.dilation = _sizes("dilation", dilation, rank)
        self.output_padding = _sizes("output_padding", output_padding, rank)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        first, second = (in_channels, out_channels) if self.is_transposed else (out_channels, in_channels)
        shape = (first, second // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ArgumentError(f"groups must be a positive integer, got {self.groups}")
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups != 0:
                raise ArgumentError(f"{name} must be divisible by groups, got {channels} and {self.groups}")
        if isinstance(self.padding, str) and self.padding not in PADDINGS:
            raise ArgumentError(f"Invalid padding string {self.padding!r}, should be one of {PADDINGS}")
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ArgumentError(f"padding='same' is not supported for strided convolutions, got stride {self.stride}")
        if self.padding_mode not in PADDING_MODES:
            raise ArgumentError(
                f"padding_mode must be one of {PADDING_MODES}, but got padding_mode={self.padding_mode!r}"
            )

    def _prepared(self, input: Tensor) -> tuple[Tensor, tuple[int, ...] | str]:
        """The input, padded unless with zeros, and the zeros that are left to be padded."""
        if self.padding_mode == "zeros":
            return input, self.padding
        margins: list[int] = []
        for axis in reversed(range(self._rank)):
            reach = self.dilation[axis] * (self.kernel_size[axis] - 1)
            if not isinstance(self.padding, str):
                before = after = self.padding[axis]
            else:
                before, after = {"valid": (0, 0), "same": (reach // 2, reach - reach // 2), "full": (reach, reach)}[
                    self.padding
                ]
            margins += [before, after]
        return F.pad(input, tuple(margins), mode=self.padding_mode), (0,) * self._rank

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform in ±1/√fan_in, fan_in = size of weight[0], as in PyTorch."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight[:1].numel()
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if any(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _sizes(name: str, given: Size, rank: int) -> tuple[int, ...]:
    """`given`, one number for all dimensions or one for each, as a tuple."""
    sizes = of_each(given, rank)
    if len(sizes) != rank:
        raise ArgumentError(f"{name} must be one number or {rank}, got {given}")
    return sizes
