"""What the reductions have in common: their arguments and their results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeAlias, TypeVar

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, IndexRangeError, UnsupportedError

P = ParamSpec("P")
R = TypeVar("R")
Dims: TypeAlias = int | Sequence[int] | None

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which also takes `axis` for `dim` and `keepdims` for `keepdim`, as in PyTorch."""

    @functools.wraps(function)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and not NUMPY_NAMES.keys().isdisjoint(kwargs):
            translated: Any = {NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()}
            if len(translated) < len(kwargs):
                raise ArgumentTypeError(f"{function.__name__}: two names for one argument in {sorted(kwargs)}")
            return function(*args, **translated)
        return function(*args, **kwargs)

    return named


def array_of(op: str, input: Any, name: str = "input") -> Array:
    """The array of the tensor `input`, the argument called `name`."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: argument '{name}' must be a Tensor, not {type(input).__name__}")
    return input.array


def refuse_empty(op: str, shape: tuple[int, ...], axes: Sequence[int]) -> None:
    """Raise if one of `axes` is empty: `op` has no value for it."""
    for axis in axes:
        if shape and shape[axis] == 0:
            raise IndexRangeError(
                f"{op}: Expected reduction dim {axis} to have non-zero size. The shape is {shape}, and "
                f"{op} has no value for an empty dimension"
            )


def refuse_dtypes(op: str, array: Array, *refused: dtypes.dtype) -> None:
    """Raise if the elements of `array` are of one of the `refused` types."""
    have = dtypes.of(array)
    if have in refused:
        raise UnsupportedError(f"{op}: not implemented for {have}; convert the tensor first: x.to(gpunn.int64)")
