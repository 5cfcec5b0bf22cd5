"""Convolutions as layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.tensor import Tensor

Size = int | tuple[int, ...]

PADDINGS = ("same", "valid", "full")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What convolutions of every rank share: settings, parameters, their first values."""

    weight: Parameter
    bias: Parameter | None

    is_transposed = False

    def __init__(
        self,
        rank: int,
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
        for axis in reversed(range(len(self.kernel_size))):
            reach = self.dilation[axis] * (self.kernel_size[axis] - 1)
            if not isinstance(self.padding, str):
                before = after = self.padding[axis]
            else:
                before, after = {"valid": (0, 0), "same": (reach // 2, reach - reach // 2), "full": (reach, reach)}[
                    self.padding
                ]
            margins += [before, after]
        return F.pad(input, tuple(margins), mode=self.padding_mode), (0,) * len(self.kernel_size)

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


class Conv1d(_Conv):
    """As `Conv2d`, for sequences: `weight` (out_channels, in_channels / groups, kL)."""

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
        super().__init__(1, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Cross-correlation with `weight` (out_channels, in_channels / groups, kH, kW), plus `bias` (out_channels,).

    `padding` is a number of zeros on each side, or "valid" (none), "same" (the output has the size of the input), or
    "full" (the kernel overlaps the input in at least one element; gpunn's own).
    """

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
        super().__init__(2, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """As `Conv2d`, for volumes: `weight` (out_channels, in_channels / groups, kD, kH, kW)."""

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
        super().__init__(3, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, D, H, W) or (C, D, H, W) → the same with C' channels and the sizes of the output."""
        x, padding = self._prepared(input)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose(_Conv):
    """What transposed convolutions of every rank share."""

    is_transposed = True
    padding: tuple[int, ...]

    def _check(self) -> None:
        if self.padding_mode != "zeros":
            raise ArgumentError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, got {self.padding_mode!r}'
            )
        if isinstance(self.padding, str):
            raise ArgumentTypeError(f"padding must be numbers in {type(self).__name__}, got {self.padding!r}")
        super()._check()

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """What `output_size` asks for beyond the least output; `output_padding` if it is None."""
        if output_size is None:
            return self.output_padding
        rank, wanted = len(self.kernel_size), tuple(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-rank:]
        if len(wanted) != rank:
            raise ArgumentError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {rank} or {input.ndim} "
                f"elements (got {len(wanted)})"
            )
        axes = zip(input.shape[-rank:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = tuple([(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes])
        most = tuple([n + s - 1 for n, s in zip(least, self.stride, strict=True)])
        if any([not low <= n <= high for n, low, high in zip(wanted, least, most, strict=True)]):
            raise ArgumentError(
                f"{type(self).__name__}: requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{most} (for an input of {tuple(input.shape[-rank:])})"
            )
        return tuple([n - low for n, low in zip(wanted, least, strict=True)])


class ConvTranspose1d(_ConvTranspose):
    """As `ConvTranspose2d`, for sequences: `weight` (in_channels, out_channels / groups, kL)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        rest = (stride, padding, dilation, groups, bias, padding_mode, device, dtype, output_padding)
        super().__init__(1, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, L) or (C, L) → the same with C' channels; `output_size`: the sizes, or the whole shape."""
        more = self._output_padding(input, output_size)
        rest = (self.stride, self.padding, more, self.groups, self.dilation)
        return F.conv_transpose1d(input, self.weight, self.bias, *rest)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution with `weight` (in_channels, out_channels / groups, kH, kW), plus `bias` (out_channels,).

    It has the size of the input of the convolution that would give `input`: (H - 1) stride - 2 padding + dilation
    (kH - 1) + output_padding + 1. `output_padding` tells apart the sizes that give the same output; `forward` can be
    given `output_size` instead.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        rest = (stride, padding, dilation, groups, bias, padding_mode, device, dtype, output_padding)
        super().__init__(2, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, H, W) or (C, H, W) → the same with C' channels; `output_size`: the sizes, or the whole shape."""
        more = self._output_padding(input, output_size)
        rest = (self.stride, self.padding, more, self.groups, self.dilation)
        return F.conv_transpose2d(input, self.weight, self.bias, *rest)


class ConvTranspose3d(_ConvTranspose):
    """As `ConvTranspose2d`, for volumes: `weight` (in_channels, out_channels / groups, kD, kH, kW)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        rest = (stride, padding, dilation, groups, bias, padding_mode, device, dtype, output_padding)
        super().__init__(3, in_channels, out_channels, kernel_size, *rest)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, D, H, W) or (C, D, H, W) → the same with C' channels; `output_size`: the sizes, or the whole shape."""
        more = self._output_padding(input, output_size)
        rest = (self.stride, self.padding, more, self.groups, self.dilation)
        return F.conv_transpose3d(input, self.weight, self.bias, *rest)


def _sizes(name: str, given: Size, rank: int) -> tuple[int, ...]:
    """`given`, one number for all dimensions or one for each, as a tuple."""
    sizes = tuple(given) if isinstance(given, Iterable) else (given,) * rank
    if len(sizes) != rank:
        raise ArgumentError(f"{name} must be one number or {rank}, got {given}")
    return sizes
