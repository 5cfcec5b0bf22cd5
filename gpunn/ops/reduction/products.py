"""Products over and along a dimension. No gradient divides, so zeros do no harm, in any derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Function
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.reduction.recurrence import Recurrence, Shift
from gpunn.ops.reduction.scans import summed_up
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Prod(Reduction):
    """The product over one dimension; `dtype` is the type to multiply integers in."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, axes: tuple[int, ...], keepdim: bool, dtype: dtype | None = None) -> None:
        super().__init__(axes, keepdim)
        self.dtype = dtype

    def reduce(self, x: Array) -> Array:
        if x.dtype.kind in "fV":
            return widened(x).prod(axis=self.axes, dtype=np.float64, keepdims=self.keepdim).astype(x.dtype)
        return x.prod(axis=self.axes, dtype=self.dtype.numpy if self.dtype else np.int64, keepdims=self.keepdim)

    def backward(self, grad: Tensor) -> Tensor:
        """The product of all elements before, times that of all elements after."""
        x, grad = self.saved(0), self.spread(grad)
        if not self.axes:
            return grad
        (axis,) = self.axes
        before = Shift(axis, fill=1.0)(Cumprod(axis)(x))
        after = Shift(axis, fill=1.0)(Cumprod(axis)(x.flip(axis))).flip(axis)
        return grad * before * after


class Cumprod(Function):
    """The products of the first 1, 2, ... elements, multiplied in float64, integers in `dtype`."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def __init__(self, axis: int, dtype: dtype | None = None) -> None:
        self.axis, self.dtype = axis, dtype

    def forward(self, x: Array) -> Array:
        row = x.reshape(x.shape or (1,))
        return summed_up(row, self.axis, array_module(x).cumprod, self.dtype).reshape(x.shape)

    def backward(self, grad: Tensor) -> Tensor:
        """Π_j<i x_j · r_i, where r_i = g_i + x_(i+1) r_(i+1) is that of the products that start at i."""
        x = self.saved(0)
        if not x.array.shape:
            return grad
        return Shift(self.axis, fill=1.0)(self.saved_output()) * Recurrence(self.axis, reverse=True)(x, grad)


@numpy_names
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product along `dim`, or of all elements; 1 where there are none.

    Integers and booleans are multiplied in int64; with `dtype` the elements are converted first.
    """
    rank = array_of("prod", input).ndim
    axis = 0 if dim is None else one_dim("prod", dim, rank)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        input = cast(input, dtype)
    if dim is None and rank != 1:
        input, rank = input.reshape(-1), 1
    return Prod((axis,) if rank else (), keepdim and dim is not None, dtype)(input)


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The products of the first 1, 2, ... elements along `dim`.

    Integers and booleans are multiplied in int64; with `dtype` the elements are converted first.
    """
    axis = one_dim("cumprod", dim, array_of("cumprod", input).ndim)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        input = cast(input, dtype)
    return Cumprod(axis, dtype)(input)
