"""A layer of local connections."""

from __future__ import annotations

import math

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.ops.conv.unfold import Pair, axes_of, pair_of, pairs_of
from gpunn.tensor import Tensor


class LocallyConnected2d(Module):
    """A convolution with filters and a bias of their own at each position, for images of one size. (gpunn's own.)

    `weight` (out_h, out_w, out_channels, in_channels, *kernel_size) and `bias` (out_channels, out_h, out_w) start
    uniform in ±1/√(in_channels · kernel_h · kernel_w), as those of a convolution. `input_size` is (H, W).
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: int | Pair,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_channels, self.out_channels = in_channels, out_channels
        settings = pairs_of(name, kernel_size, dilation, padding, stride)
        self.kernel_size, self.dilation, self.padding, self.stride = settings
        self.input_size = pair_of(name, "input_size", input_size, 1)
        size = tuple([axis.out for axis in axes_of(name, self.input_size, settings)])
        if min(size) < 1:
            raise ArgumentError(
                f"{name}: an input of {self.input_size} has no window of kernel_size={self.kernel_size} with padding="
                f"{self.padding}, dilation={self.dilation}"
            )
        shape = (*size, out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        own = (out_channels, *size)
        self.register_parameter("bias", Parameter(empty(own, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        fan_in = self.in_channels * math.prod(self.kernel_size)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(N, in_channels, *input_size) → (N, out_channels, out_h, out_w), or both without N."""
        return F.locally_connected2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}"]
        parts.append(f"kernel_size={self.kernel_size}, stride={self.stride}")
        if any(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        return ", ".join(parts + ["bias=False"] * (self.bias is None))
