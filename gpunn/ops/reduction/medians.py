"""Medians and modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.ops import return_types
from gpunn.ops.reduction.arguments import array_of, numpy_names, refuse_dtypes, refuse_empty
from gpunn.ops.reduction.extrema import Tied
from gpunn.ops.reduction.recurrence import along, running
from gpunn.ops.reduction.selection import Selection
from gpunn.ops.reduction.sorting import kth_index, order
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MedianDim(Selection):
    """The lower median along one dimension; a NaN if there is one."""

    def choose(self, x: Array) -> Array:
        xp = array_module(x)
        middle = kth_index(x, (x.shape[self.axis] - 1) // 2, self.axis)
        if x.dtype.kind not in "fV":
            return middle
        isnan = x != x
        first_nan = isnan.argmax(axis=self.axis, keepdims=True)
        return xp.where(isnan.any(axis=self.axis, keepdims=True), first_nan, middle)


class NanmedianDim(Selection):
    """The lower median of those elements along one dimension that are not NaN; NaN if there is none."""

    def choose(self, x: Array) -> Array:
        xp = array_module(x)
        numbers = (x == x).sum(axis=self.axis, dtype=np.int64, keepdims=True)
        return xp.take_along_axis(order(x, self.axis), xp.maximum(numbers - 1, 0) // 2, self.axis)


class Median(Tied):
    """The lower median of all elements; equal ones share the gradient."""

    along_row: type[Selection] = MedianDim

    def reduce(self, x: Array) -> Array:
        row = x.ravel()
        if row.size == 0:
            missing = np.nan if x.dtype.kind in "fV" else np.iinfo(x.dtype).min
            return array_module(x).full((), missing, x.dtype)
        return row[self.along_row(0).choose(row)].reshape(())


class Nanmedian(Median):
    """The lower median of all elements that are not NaN; equal ones share the gradient."""

    along_row = NanmedianDim


class Mode(Selection):
    """The most frequent element along one dimension: the smallest of them, where it is last."""

    def choose(self, x: Array) -> Array:
        xp, n = array_module(x), x.shape[self.axis]
        ascending = order(x, self.axis)
        if x.dtype.kind in "fV":  # NaN first, as in PyTorch
            numbers = (x == x).sum(axis=self.axis, dtype=np.int64, keepdims=True)
            ascending = xp.take_along_axis(ascending, (_places(x, self.axis) + numbers) % n, self.axis)
        values = xp.take_along_axis(x, ascending, self.axis)
        start = xp.zeros(x.shape, np.int64) + _places(x, self.axis)  # of the run of equal values
        repeated = values[along(self.axis, 1)] == values[along(self.axis, None, -1)]
        start[along(self.axis, 1)] *= ~repeated
        (start,) = running(_larger, self.axis, start)
        longest = (_places(x, self.axis) - start).argmax(axis=self.axis, keepdims=True)
        return xp.take_along_axis(ascending, longest, self.axis)


def _larger(a: Array, b: Array) -> tuple[Array]:
    return (array_module(a).maximum(a, b),)


def _places(x: Array, axis: int) -> Array:
    """0, 1, ... along `axis`, to broadcast with `x`."""
    return array_module(x).arange(x.shape[axis]).reshape([-1 if d == axis else 1 for d in range(x.ndim)])


@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, of an even number of elements the lower one; with `dim`, (values, indices) along it.

    NaN if there is one, or if there are no elements. Equal elements share the gradient, but not along `dim`.
    """
    return _middle(return_types.median, Median, MedianDim, input, dim, keepdim)


@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """As `median`, of the elements that are not NaN; NaN if there are none."""
    return _middle(return_types.nanmedian, Nanmedian, NanmedianDim, input, dim, keepdim)


def _middle(
    kind: type[return_types.Selected],
    of_all: type[Median],
    along_dim: type[Selection],
    input: Tensor,
    dim: int | None,
    keepdim: bool,
) -> Any:
    op, array = kind.__name__, array_of(kind.__name__, input)
    refuse_dtypes(op, array, dtypes.bool_)
    if dim is None:
        return of_all(tuple(range(array.ndim)), False)(input)
    axis = one_dim(op, dim, array.ndim)
    refuse_empty(op, array.shape, (axis,))
    return kind(*along_dim(axis, keepdim)(input))


@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> return_types.mode:
    """(values, indices) of the most frequent element along `dim`: of several the smallest, its last one."""
    array = array_of("mode", input)
    axis = one_dim("mode", dim, array.ndim)
    refuse_empty("mode", array.shape, (axis,))
    return return_types.mode(*Mode(axis, keepdim)(input))
