"""Parts of a tensor, as views: one range or one index of a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import DtypeError, IndexRangeError, ShapeError
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.shape.dims import ints, one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Slice(Function):
    """The view x[index] for a tuple of slices, ints, None and `...`; with ints there must be a `...`."""

    is_view = True

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        return x[self.index]

    def backward(self, grad: Tensor) -> Tensor:
        return Unslice(self.was, self.index)(grad)


class Select(Slice):
    """A slice of thickness one, without its dimension."""


class Unslice(Function):
    """Zeros of `shape`, in which the input is the part at `index`."""

    def __init__(self, shape: tuple[int, ...], index: tuple[Any, ...]) -> None:
        self.shape, self.index = shape, index

    def forward(self, part: Array) -> Array:
        whole = array_module(part).zeros(self.shape, dtype=part.dtype)
        whole[self.index] = part
        return whole

    def backward(self, grad: Tensor) -> Tensor:
        return Slice(self.index)(grad)


def slice_dim(input: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """The view input[…, start:stop, …] at `dim`, which is in [0, rank)."""
    return Slice((slice(None),) * dim + (slice(start, stop),))(input)


@numpy_names
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """The view input[…, start : start + length, …] at `dim`; `start` may count from the end."""
    shape = array_of("narrow", input).shape
    if not shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Variable) and (start.array.ndim > 0 or start.array.dtype.kind not in "iu"):
        raise DtypeError(
            f"narrow: start must be an 0-dim integral Tensor, got shape {start.array.shape}, {start.array.dtype}"
        )
    d = one_dim("narrow", dim, len(shape))
    first, count = (*ints("narrow", "start", start), *ints("narrow", "length", length))
    if count < 0:
        raise ShapeError(f"narrow(): length must be non-negative, got {count}")
    n = shape[d]
    if not -n <= first <= n:
        raise IndexRangeError(
            f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {first}) at dimension {d} "
            f"of shape {shape}"
        )
    first += n if first < 0 else 0
    if first + count > n:
        raise ShapeError(f"narrow: start ({first}) + length ({count}) exceeds dimension size ({n}) of shape {shape}.")
    return slice_dim(input, d, first, first + count)


@numpy_names
def select(input: Tensor, dim: int, index: int | Tensor) -> Tensor:
    """The view input[…, index, …] at `dim`: one dimension less."""
    shape = array_of("select", input).shape
    if not shape:
        raise IndexRangeError("select() cannot be applied to a 0-dim tensor.")
    d = one_dim("select", dim, len(shape))
    (i,) = ints("select", "index", index)
    if not -shape[d] <= i < shape[d]:
        raise IndexRangeError(f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}")
    return Select((slice(None),) * d + (i, ...))(input)
