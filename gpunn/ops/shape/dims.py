"""Dimension numbers as users give them: negative ones count from the end, sequences name several."""

from __future__ import annotations

from collections.abc import Sequence

from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError


def one_dim(op: str, dim: int, rank: int) -> int:
    """`dim` as a number in [0, rank). A 0-d tensor counts as having one dimension, as in PyTorch."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise ArgumentTypeError(f"{op}: dim must be an int, got {type(dim).__name__}")
    d, length = int(dim), max(rank, 1)
    if not -length <= d < length:
        raise IndexRangeError(
            f"{op}: Dimension out of range (expected to be in range of [{-length}, {length - 1}], but got {d})"
        )
    return d % length


def several_dims(op: str, dim: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """`dim` (a number, several, or None for all) as distinct numbers in [0, rank). () means all, as in PyTorch."""
    if dim is None:
        return tuple(range(rank))
    if hasattr(dim, "__index__"):
        return (one_dim(op, dim, rank),) if rank else ()  # type: ignore[arg-type]
    dims = tuple(one_dim(op, d, rank) for d in dim)  # type: ignore[union-attr]
    if len(set(dims)) != len(dims):
        raise ArgumentError(f"{op}: dim {tuple(dim)} appears multiple times in the list of dims")  # type: ignore[arg-type]
    if not dims:
        return tuple(range(rank))
    return dims if rank else ()
