"""Elements in reverse order, or moved round. The results are copies, except where nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, IndexRangeError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import clone, contiguous_format
from gpunn.ops.shape.dims import distinct_dims, ints, one_dim
from gpunn.ops.shape.permutation import transpose
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Flip(Function):
    """A copy, reversed along `dims`."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        if not self.dims or x.ndim == 0:
            return x.copy()
        return array_module(x).flip(x, axis=self.dims).copy(order="K")

    def backward(self, grad: Tensor) -> Tensor:
        return Flip(self.dims)(grad)


class Roll(Function):
    """Moved by shifts[i] along dims[i]; what leaves at one end comes in at the other."""

    def __init__(self, shifts: tuple[int, ...], dims: tuple[int, ...]) -> None:
        self.shifts, self.dims = shifts, dims

    def forward(self, x: Array) -> Array:
        return array_module(x).roll(x, self.shifts, self.dims)

    def backward(self, grad: Tensor) -> Tensor:
        return Roll(tuple([-s for s in self.shifts]), self.dims)(grad)


def flip(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A copy of `input` in reverse order along each of `dims`."""
    return Flip(distinct_dims("flip", ints("flip", "dims", dims), array_of("flip", input).ndim))(input)


def fliplr(input: Tensor) -> Tensor:
    """A copy of `input`, of 2 dimensions or more, in reverse order along dimension 1."""
    if array_of("fliplr", input).ndim < 2:
        raise ShapeError(f"fliplr: Input must be >= 2-d, got shape {input.array.shape}.")
    return Flip((1,))(input)


def flipud(input: Tensor) -> Tensor:
    """A copy of `input`, of 1 dimension or more, in reverse order along dimension 0."""
    if array_of("flipud", input).ndim < 1:
        raise ShapeError("flipud: Input must be >= 1-d, got a 0-d tensor.")
    return Flip((0,))(input)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """`input` moved by `shifts` places along `dims`; what leaves at one end comes in at the other.

    Without `dims` the elements move as if they stood in one row.
    """
    shape, steps = array_of("roll", input).shape, ints("roll", "shifts", shifts)
    along = () if dims is None else ints("roll", "dims", dims)
    if not steps:
        raise ArgumentError("roll: `shifts` required")
    if not along and len(steps) == 1:
        return View(shape)(Roll(steps, (0,))(View((input.array.size,))(input)))
    if len(steps) != len(along):
        raise ArgumentError(
            f"roll: shifts and dimensions must align. shifts: {len(steps)}, dims:{len(along)} "
            f"(shifts={steps}, dims={along})"
        )
    if not shape:
        raise IndexRangeError(f"roll: Dimension specified as {along[0]} but tensor has no dimensions")
    return Roll(steps, tuple([one_dim("roll", d, len(shape)) for d in along]))(input)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy of `input` turned by k · 90° in the plane of two `dims`, from the first towards the second."""
    rank, plane = array_of("rot90", input).ndim, ints("rot90", "dims", dims)
    if len(plane) != 2:
        raise ArgumentError(f"rot90: expected total rotation dims == 2, but got dims = {len(plane)}")
    if rank < 2:
        raise ShapeError(f"rot90: expected total dims >= 2, but got total dims = {rank}")
    first, second = (one_dim("rot90", d, rank) for d in plane)
    if first == second:
        raise ArgumentError(
            f"rot90: expected rotation dims to be different, but got dim0 = {plane[0]} and dim1 = {plane[1]}"
        )
    (turns,) = ints("rot90", "k", k)
    if turns % 4 == 0:
        return clone(input, memory_format=contiguous_format)
    if turns % 4 == 2:
        return Flip((first, second))(input)
    return transpose(Flip((second if turns % 4 == 1 else first,))(input), first, second)
