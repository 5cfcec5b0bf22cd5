"""Where values belong in a sorted sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    UnsupportedError,
)
from gpunn.ops.reduction.sorting import comparable

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Searchsorted(Function):
    """How many elements of each sorted row lie before the values of that row; if `right`, before or at."""

    def __init__(self, right: bool, out: Any) -> None:
        self.right, self.out = right, out

    def forward(self, rows: Array, values: Array, sorter: Array | None) -> Array:
        common = dtypes.promote_types(dtypes.of(rows), dtypes.of(values)).numpy
        xp = array_module(rows)
        rows = comparable(rows.astype(common, copy=False))
        values = comparable(values.astype(common, copy=False))
        if sorter is not None:
            rows = xp.take_along_axis(rows, sorter, -1)
        if rows.ndim == 1:
            found = xp.searchsorted(rows, values, "right" if self.right else "left")
        else:
            found = self.bisect(xp, rows, values)
        return found.astype(self.out)

    def bisect(self, xp: Any, rows: Array, values: Array) -> Array:
        """Binary search in all rows at once: the answer is in [low, high], which halves in each step."""
        low, high = xp.zeros(values.shape, np.int64), xp.full(values.shape, rows.shape[-1], np.int64)
        for _ in range(rows.shape[-1].bit_length()):
            middle = (low + high) // 2
            element = xp.take_along_axis(rows, xp.minimum(middle, rows.shape[-1] - 1), -1)
            is_before = ((element <= values) if self.right else (element < values)) | (values != values)
            is_before &= low < high
            low, high = xp.where(is_before, middle + 1, low), xp.where(is_before, high, middle)
        return low


def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | float,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where `input` belongs in `sorted_sequence`: the index before which it can be put, int64 or int32.

    That is before equal elements; with `right`, or side="right", after them. The sequence has one dimension,
    or the same leading ones as `input`, row for row. `sorter` are the indices that sort it, if it is not.
    """
    if not isinstance(sorted_sequence, Variable):
        raise ArgumentTypeError(
            f"searchsorted: argument 'sorted_sequence' must be a Tensor, not {type(sorted_sequence).__name__}"
        )
    if side not in (None, "left", "right"):
        raise ArgumentError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ArgumentError(
            "searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    rows = sorted_sequence.array
    if not isinstance(input, Variable):
        if not isinstance(input, (bool, int, float, np.generic)):
            raise ArgumentTypeError(f"searchsorted: expected a Tensor or a number, got {type(input).__name__}")
        like = dtypes.of_number(input).numpy
        values: Tensor = Variable.result_type(array_module(rows).full((), input, like))
    else:
        values = input
    _check_rows(rows, values.array)
    if sorter is not None:
        _check_sorter(rows, sorter.array)
    out = np.int32 if out_int32 else np.int64
    return Searchsorted(right or side == "right", out)(sorted_sequence, values, sorter)


def bucketize(input: Tensor | float, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The i with boundaries[i-1] < input <= boundaries[i] for each value; if `right`, with <= and <."""
    if not isinstance(boundaries, Variable):
        raise ArgumentTypeError(f"bucketize: argument 'boundaries' must be a Tensor, not {type(boundaries).__name__}")
    if boundaries.array.ndim != 1:
        raise ShapeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def _check_rows(rows: Array, values: Array) -> None:
    """Raise unless sequence and values fit each other."""
    if rows.ndim == 0:
        raise ShapeError("searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension")
    if rows.ndim != 1 and (values.ndim != rows.ndim or values.shape[:-1] != rows.shape[:-1]):
        raise ShapeError(
            "searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but got shapes "
            f"{rows.shape} and {values.shape}"
        )
    for array in (rows, values):
        if dtypes.of(array) is dtypes.bool_:
            raise UnsupportedError("searchsorted: not implemented for bool; convert it: x.to(gpunn.uint8)")


def _check_sorter(rows: Array, sorter: Array) -> None:
    """Raise unless `sorter` can be the indices that sort `rows`."""
    if sorter.shape != rows.shape:
        raise ShapeError(
            "searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{rows.shape} and got sorter tensor {sorter.shape}"
        )
    if dtypes.of(sorter) is not dtypes.int64:
        raise DtypeError(f"searchsorted(): sorter must be a tensor of long dtype but got dtype {dtypes.of(sorter)}")
    if sorter.size and bool(((sorter < 0) | (sorter >= rows.shape[-1])).any()):
        raise IndexRangeError(f"searchsorted(): sorter index out of range [0, {rows.shape[-1]})")
