"""Transposed convolutions as layers."""

from __future__ import annotations

from collections.abc import Sequence

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import functional as F
from gpunn.nn.conv.layer import ConvLayer, Size
from gpunn.tensor import Tensor


class _ConvTranspose(ConvLayer):
    """What transposed convolutions of every rank share."""

    is_transposed = True
    padding: tuple[int, ...]

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
        super().__init__(in_channels, out_channels, kernel_size, *rest)

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
        rank, wanted = self._rank, tuple(output_size)
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

    _rank = 1

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

    _rank = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, H, W) or (C, H, W) → the same with C' channels; `output_size`: the sizes, or the whole shape."""
        more = self._output_padding(input, output_size)
        rest = (self.stride, self.padding, more, self.groups, self.dilation)
        return F.conv_transpose2d(input, self.weight, self.bias, *rest)


class ConvTranspose3d(_ConvTranspose):
    """As `ConvTranspose2d`, for volumes: `weight` (in_channels, out_channels / groups, kD, kH, kW)."""

    _rank = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, D, H, W) or (C, D, H, W) → the same with C' channels; `output_size`: the sizes, or the whole shape."""
        more = self._output_padding(input, output_size)
        rest = (self.stride, self.padding, more, self.groups, self.dilation)
        return F.conv_transpose3d(input, self.weight, self.bias, *rest)
