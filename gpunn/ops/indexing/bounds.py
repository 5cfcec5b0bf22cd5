"""Checks of index arrays before NumPy uses them. On a GPU the kernels check, and the error may come late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError


class Check(NamedTuple):
    """What an error about an index says: the op, and for each index the dimension that it goes into.

    `negative`: whether numbers below 0 count from the end. A node without a Check trusts its indices.
    """

    op: str
    dims: tuple[int, ...]
    negative: bool = False

    def run(self, indices: Sequence[Array], sizes: Sequence[int]) -> None:
        """Raise IndexRangeError unless all NumPy arrays `indices` fit dimensions of `sizes`."""
        for index, dim, size in zip(indices, self.dims, sizes, strict=True):
            check_bounds(self.op, index, dim, size, negative=self.negative)


def check_bounds(op: str, index: Array, dim: int, size: int, *, negative: bool = False) -> None:
    """Raise IndexRangeError unless all of `index` is in [0, size), or in [-size, size) with `negative`."""
    if index.size == 0:
        return
    lowest = -size if negative else 0
    if index.min() >= lowest and index.max() < size:
        return
    position = np.argwhere((index < lowest) | (index >= size))[0]
    where = tuple(int(i) for i in position)
    place = "" if not where else f" at position {where[0] if len(where) == 1 else where}"
    raise IndexRangeError(
        f"{op}: index {int(index[where])}{place} is out of bounds for dimension {dim} with size {size}"
    )


def check_index(op: str, index: Any, dtypes: str = "int64") -> None:
    """Raise unless `index` is a tensor of one of `dtypes`, given as words."""
    if not hasattr(index, "array"):
        raise ArgumentTypeError(f"{op}: the index must be a Tensor, got {type(index).__name__}")
    if index.array.dtype.name not in dtypes.split():
        raise DtypeError(
            f"{op}: Expected dtype {dtypes.replace(' ', '/')} for index, got {index.array.dtype}; use index.long()"
        )
