"""Distinct elements, or distinct slices along a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import IndexRangeError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.sorting import comparable, order
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class UniqueConsecutive(Function):
    """The first element of each run of equals, the run that each element belongs to, the lengths of the runs.

    With `axis` the slices along it are compared, not the elements. A NaN equals nothing.
    """

    def __init__(self, axis: int | None) -> None:
        self.axis = axis

    def arranged(self, slices: Array) -> Array:
        """The order in which to look at the `slices`, (n, elements of one)."""
        return array_module(slices).arange(slices.shape[0])

    def forward(self, x: Array) -> tuple[Array, Array, Array]:
        xp = array_module(x)
        whole = x.reshape(-1) if self.axis is None else xp.moveaxis(x, self.axis, 0)
        slices = whole.reshape(whole.shape[0], -1) if whole.size else whole.reshape(whole.shape[0], 1)
        ranked = self.arranged(slices)
        begins = xp.ones(slices.shape[:1], np.bool_)
        begins[1:] = (slices[ranked[1:]] != slices[ranked[:-1]]).any(axis=1)
        starts = xp.flatnonzero(begins)
        run = xp.empty(slices.shape[:1], np.int64)
        run[ranked] = xp.cumsum(begins, dtype=np.int64) - 1
        ends = xp.concatenate([starts[1:], xp.full(1 if starts.size else 0, slices.shape[0], starts.dtype)])
        values = whole[ranked[starts]]
        if self.axis is None:
            return values, run.reshape(x.shape), ends - starts
        return xp.moveaxis(values, 0, self.axis), run, ends - starts


class Unique(UniqueConsecutive):
    """The distinct elements, or slices, in ascending order; slices are compared element by element."""

    def arranged(self, slices: Array) -> Array:
        if slices.shape[1] == 1:
            return order(slices[:, 0], 0)
        return array_module(slices).lexsort(comparable(slices).T[::-1])


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices along `dim`, in ascending order, whatever `sorted` says.

    With `return_inverse` also, for each element, which of them it is; with `return_counts` also how often
    each occurs: a tuple of values, inverse and counts, as far as asked for. No NaN equals another. Not
    differentiable.
    """
    return _distinct("unique", Unique, input, return_inverse, return_counts, dim)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of each run of equal elements, or slices along `dim`; otherwise as `unique`."""
    return _distinct("unique_consecutive", UniqueConsecutive, input, return_inverse, return_counts, dim)


def _distinct(
    op: str,
    kind: type[UniqueConsecutive],
    input: Tensor,
    return_inverse: bool,
    return_counts: bool,
    dim: int | None,
) -> Any:
    shape = array_of(op, input).shape
    axis = None if dim is None else one_dim(op, dim, len(shape))
    if axis is not None and not shape:
        raise IndexRangeError(f"{op}: Dimension specified as {dim} but tensor has no dimensions")
    if axis is not None and 0 in shape and shape[axis] != 0:
        raise ShapeError(
            f"{op}: There are 0 sized dimensions, and they aren't selected, so {op} cannot be applied: dim "
            f"{dim} of shape {shape}"
        )
    values, inverse, counts = kind(axis)(input)
    wanted = (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))
    return wanted if len(wanted) > 1 else values
