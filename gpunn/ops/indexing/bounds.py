"""Checks of index arrays before they are used: CuPy wraps an index that is out of range, silently."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError


def check_bounds(op: str, index: Array, dim: int, size: int, *, negative: bool = False) -> None:
    """Raise IndexRangeError unless all of `index` is in [0, size), or in [-size, size) with `negative`.

    The answer is needed before anything is read, so the host waits for the device here.
    """
    if index.size == 0:
        return
    lowest = -size if negative else 0
    if index.min() >= lowest and index.max() < size:
        return
    position = array_module(index).argwhere((index < lowest) | (index >= size))[0]
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
