"""Sorted order along a dimension. NaN counts as the largest value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import DtypeError, IndexRangeError
from gpunn.kernels.order import along_axis, is_captured
from gpunn.ops import return_types
from gpunn.ops.reduction.arguments import array_of, numpy_names, refuse_dtypes, refuse_empty
from gpunn.ops.reduction.recurrence import along
from gpunn.ops.reduction.selection import Selection
from gpunn.ops.shape.dims import one_dim, one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Sort(Selection):
    """All elements in order."""

    def __init__(self, axis: int, descending: bool) -> None:
        super().__init__(axis)
        self.descending = descending

    def choose(self, x: Array) -> Array:
        return order(x, self.axis, self.descending)


class Argsort(Function):
    """The indices of all elements in order."""

    def __init__(self, axis: int, descending: bool) -> None:
        self.axis, self.descending = axis, descending

    def forward(self, x: Array) -> Array:
        return order(x.reshape(x.shape or (1,)), self.axis, self.descending).reshape(x.shape)


class Topk(Selection):
    """The k largest or smallest elements, the most extreme one first."""

    def __init__(self, axis: int, k: int, largest: bool) -> None:
        super().__init__(axis)
        self.k, self.largest = k, largest

    def choose(self, x: Array) -> Array:
        xp, n = array_module(x), x.shape[self.axis]
        if not 0 < self.k < n or is_captured(x):
            return order(x, self.axis, self.largest)[along(self.axis, None, self.k)]
        at = n - self.k if self.largest else self.k - 1
        parted = xp.argpartition(comparable(x), at, axis=self.axis)
        best = parted[along(self.axis, at) if self.largest else along(self.axis, None, self.k)]
        ranked = order(xp.take_along_axis(x, best, self.axis), self.axis, self.largest)
        return xp.take_along_axis(best, ranked, self.axis)


class Kthvalue(Selection):
    """The k-th smallest element; k counts from 1."""

    def __init__(self, axis: int, k: int, keepdim: bool) -> None:
        super().__init__(axis, keepdim)
        self.k = k

    def choose(self, x: Array) -> Array:
        return kth_index(x, self.k - 1, self.axis)


def comparable(x: Array) -> Array:
    """`x` in a type that both modules can sort: bfloat16, whose sort does not know NaN, as float32."""
    return x.astype(np.float32) if x.dtype.kind == "V" else x


def order(x: Array, axis: int, descending: bool = False) -> Array:
    """The indices that sort `x` along `axis`; equal elements keep their order."""
    if is_captured(x):
        return along_axis(x, axis, descending)
    xp = array_module(x)
    if not descending:
        return xp.argsort(comparable(x), axis=axis, kind="stable")
    backwards = xp.argsort(xp.flip(comparable(x), axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - xp.flip(backwards, axis)


def kth_index(x: Array, k: int, axis: int) -> Array:
    """Where along `axis` an element is that has `k` elements before it in sorted order; the axis is kept."""
    if is_captured(x):
        return along_axis(x, axis)[along(axis, k, k + 1)]
    return array_module(x).argpartition(comparable(x), k, axis=axis)[along(axis, k, k + 1)]


@numpy_names
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = False
) -> return_types.Selected:
    """(values, indices) in sorted order along `dim`. Equal elements keep their order, `stable` or not."""
    axis = one_dim("sort", dim, array_of("sort", input).ndim)
    return return_types.sort(*Sort(axis, bool(descending))(input))


@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The indices that sort `input` along `dim`. Equal elements keep their order, `stable` or not."""
    axis = one_dim("argsort", dim, array_of("argsort", input).ndim)
    return Argsort(axis, bool(descending))(input)


def msort(input: Tensor) -> Tensor:
    """The values in ascending order along the first dimension."""
    return sort(input, 0).values


@numpy_names
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> return_types.Selected:
    """(values, indices) of the `k` largest, or smallest, elements along `dim`, the most extreme one first.

    Of equal elements any may be chosen. The result is sorted whatever `sorted` says.
    """
    array = array_of("topk", input)
    axis = one_dim("topk", dim, array.ndim)
    length = array.shape[axis] if array.ndim else 1
    if not 0 <= one_int("topk", "k", k) <= length:
        raise IndexRangeError(
            f"topk: selected index k out of range: k is {k}, dimension {axis} of shape {array.shape} has "
            f"{length} elements"
        )
    if dtypes.of(array) is dtypes.bool_:
        raise DtypeError("topk: does not support bool dtypes; convert the tensor first: x.to(gpunn.uint8)")
    return return_types.topk(*Topk(axis, int(k) if array.ndim else 1, largest)(input))


@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> return_types.Selected:
    """(values, indices) of the `k`-th smallest elements along `dim`; k counts from 1."""
    array = array_of("kthvalue", input)
    axis = one_dim("kthvalue", dim, array.ndim)
    refuse_empty("kthvalue", array.shape, (axis,))
    length = array.shape[axis] if array.ndim else 1
    if not 1 <= one_int("kthvalue", "k", k) <= length:
        raise IndexRangeError(
            f"kthvalue(): selected number k out of range for dimension {axis}: k is {k}, and {length} is the "
            f"length of that dimension of shape {array.shape}"
        )
    refuse_dtypes("kthvalue", array, dtypes.bool_)
    return return_types.kthvalue(*Kthvalue(axis, int(k), keepdim)(input))
