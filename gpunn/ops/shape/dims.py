"""Dimension numbers and sizes as users give them: negative dims count from the end."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final

from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError

TOO_MANY: Final = 1 << 60  # elements: of 8 bytes each, no address reaches them


def one_dim(op: str, dim: int, rank: int) -> int:
    """`dim` as a number in [0, rank). A 0-d tensor counts as having one dimension, as in PyTorch."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise ArgumentTypeError(f"{op}: dim must be an int, got {type(dim).__name__}")
    d, length = operator.index(dim), max(rank, 1)
    if not -length <= d < length:
        raise IndexRangeError(
            f"{op}: Dimension out of range (expected to be in range of [{-length}, {length - 1}], but got {d})"
        )
    return d % length


def one_int(op: str, name: str, given: Any) -> int:
    """The argument `name`, an int, as a Python int."""
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise ArgumentTypeError(f"{op}: {name} must be an int, got {type(given).__name__}")
    return operator.index(given)


def several_dims(op: str, dim: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """`dim` (a number, several, or None for all) as distinct numbers in [0, rank). () means all, too."""
    if dim is None:
        return tuple(range(rank))
    if hasattr(dim, "__index__") or not hasattr(dim, "__iter__"):
        found = one_dim(op, dim, rank)  # type: ignore[arg-type]
        return (found,) if rank else ()
    dims = distinct_dims(op, dim, rank)
    if not dims:
        return tuple(range(rank))
    return dims if rank else ()


def distinct_dims(op: str, dims: Sequence[int], rank: int) -> tuple[int, ...]:
    """Each of `dims` as a number in [0, rank), in the order given; ArgumentError if one is there twice."""
    found = tuple([one_dim(op, d, rank) for d in dims])
    if len(set(found)) != len(found):
        raise ArgumentError(f"{op}: dim {tuple(dims)} appears multiple times in the list of dims")
    return found


def ints(op: str, name: str, given: Any, *, also_one: bool = True) -> tuple[int, ...]:
    """The argument `name`, a sequence of ints or (`also_one`) an int, as a tuple. 0-d tensors may be ints, no bools."""
    try:
        single = also_one and hasattr(given, "__index__") and not isinstance(given, (tuple, list))
        values = (given,) if single else tuple(given)
        if bool not in map(type, values):
            return tuple([operator.index(n) for n in values])
    except TypeError:
        pass
    raise ArgumentTypeError(f"{op}: {name} must be ints, got {given!r}")


def of_each(given: Any, n: int) -> tuple[Any, ...]:
    """`given`, one thing for all of `n` dimensions or several, as a tuple."""
    return tuple(given) if isinstance(given, Iterable) else (given,) * n


def new_shape(op: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape of a new tensor, from what f got as f(2, 3), f((2, 3)) or f(size=(2, 3))."""
    if size is None:
        if not sizes:
            raise ArgumentTypeError(f"{op}() missing 1 required positional arguments: size")
        size = sizes[0] if len(sizes) == 1 else sizes
    elif sizes:
        raise ArgumentTypeError(f"{op}: got sizes {sizes} and size={size}; give one of them")
    shape = ints(op, "size", size)
    if shape and min(shape) < 0:
        raise ShapeError(f"{op}: Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    if max((*shape, math.prod(shape))) >= TOO_MANY:
        raise ShapeError(f"{op}: Storage size calculation overflowed with sizes={list(shape)}")
    return shape


def inferred_shape(op: str, shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """`shape` with its -1, if there is one, replaced so that it holds `numel` elements."""
    if -1 not in shape and math.prod(shape) == numel and min(shape, default=0) >= 0:
        return shape
    for i, n in enumerate(shape):
        if n < -1:
            raise ShapeError(f"{op}: invalid shape dimension {n} at index {i} of shape {list(shape)}")
    if shape.count(-1) > 1:
        raise ShapeError(f"{op}: only one dimension can be inferred, got {list(shape)}")
    known = math.prod([n for n in shape if n != -1])
    if -1 in shape and numel == known == 0:
        raise ShapeError(
            f"{op}: cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    if -1 not in shape or known == 0 or numel % known:
        raise ShapeError(f"{op}: shape '{list(shape)}' is invalid for input of size {numel}")
    return tuple([numel // known if n == -1 else n for n in shape])
