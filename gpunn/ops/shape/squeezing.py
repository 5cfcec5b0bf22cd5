"""Dimensions of length 1, taken away and added; the results are views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.shape.dims import distinct_dims, ints, one_dim
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Squeeze(View):
    """A view without some dimensions of length 1."""


class Unsqueeze(View):
    """A view with one more dimension, of length 1."""


@numpy_names
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """`input` without its dimensions of length 1, or without those among `dim`."""
    shape = array_of("squeeze", input).shape
    if dim is None:
        return Squeeze(tuple([n for n in shape if n != 1]))(input)
    dims = distinct_dims("squeeze", ints("squeeze", "dim", dim), len(shape))
    return Squeeze(tuple([n for d, n in enumerate(shape) if n != 1 or d not in dims]))(input)


@numpy_names
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """`input` with a new dimension of length 1 at `dim`."""
    shape = array_of("unsqueeze", input).shape
    d = one_dim("unsqueeze", dim, len(shape) + 1)
    return Unsqueeze((*shape[:d], 1, *shape[d:]))(input)


def atleast_1d(*tensors: Any) -> Any:
    """The tensor, with shape (1,) if it is 0-d; of several, or of a sequence, the tuple of the results."""
    return _each("atleast_1d", _to_1d, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """The tensor, as (1, n) if it has less than 2 dimensions; of several, the tuple of the results."""
    return _each("atleast_2d", _to_2d, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """The tensor, as (1, n, 1) or (m, n, 1) if it has less than 3 dimensions; of several, the tuple."""
    return _each("atleast_3d", _to_3d, tensors)


def _each(op: str, convert: Callable[[Any], Any], tensors: tuple[Any, ...]) -> Any:
    listed = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
    items = tensors[0] if listed else tensors
    for x in items:
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: expected Tensors, got {type(x).__name__}")
    return convert(items[0]) if len(items) == 1 and not listed else tuple([convert(x) for x in items])


def _to_1d(x: Tensor) -> Tensor:
    return x if x.array.ndim > 0 else View((1,))(x)


def _to_2d(x: Tensor) -> Tensor:
    return x if x.array.ndim > 1 else View((1, x.array.size))(x)


def _to_3d(x: Tensor) -> Tensor:
    if x.array.ndim > 2:
        return x
    return View((*x.array.shape, 1) if x.array.ndim == 2 else (1, x.array.size, 1))(x)
