"""Convolutions that learn the number of their channels from the first input."""

from __future__ import annotations

from typing import Any

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.errors import ShapeError
from gpunn.nn.conv.forward import Conv1d, Conv2d, Conv3d
from gpunn.nn.conv.layer import Size
from gpunn.nn.conv.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from gpunn.nn.lazy.layer import Lazy
from gpunn.tensor import Tensor


class LazyConvLayer(Lazy):
    """What lazy convolutions share."""

    counted = "in_channels"

    def __init__(
        self,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
    ) -> None:
        rest = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        self.cls_to_become.__init__(self, 0, out_channels, kernel_size, *rest)
        self._start(device, dtype)

    def _check(self) -> None:
        self.cls_to_become._check(self)

    def _count(self, input: Tensor) -> int:
        layer: Any = self
        rank = len(layer.kernel_size)
        if input.ndim not in (rank + 1, rank + 2):
            raise ShapeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        return int(input.shape[-rank - 1])

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        layer: Any = self
        ins, outs = layer.in_channels, layer.out_channels
        first, second = (ins, outs) if layer.is_transposed else (outs, ins)
        return {"weight": (first, second // layer.groups, *layer.kernel_size), "bias": (outs,)}


class LazyConvTransposeLayer(LazyConvLayer):
    """What lazy transposed convolutions share."""

    def __init__(
        self,
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
        dtype: dtype_of | None = None,
    ) -> None:
        rest = (stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype)
        self.cls_to_become.__init__(self, 0, out_channels, kernel_size, *rest)
        self._start(device, dtype)


class LazyConv1d(LazyConvLayer, Conv1d):
    """`Conv1d` with the in_channels of the first input."""

    cls_to_become = Conv1d


class LazyConv2d(LazyConvLayer, Conv2d):
    """`Conv2d` with the in_channels of the first input."""

    cls_to_become = Conv2d


class LazyConv3d(LazyConvLayer, Conv3d):
    """`Conv3d` with the in_channels of the first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(LazyConvTransposeLayer, ConvTranspose1d):
    """`ConvTranspose1d` with the in_channels of the first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyConvTransposeLayer, ConvTranspose2d):
    """`ConvTranspose2d` with the in_channels of the first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyConvTransposeLayer, ConvTranspose3d):
    """`ConvTranspose3d` with the in_channels of the first input."""

    cls_to_become = ConvTranspose3d
