"""The dimensions in another order; the results are views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import ints, one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Permute(Function):
    """Dimension i of the result is dimension axes[i] of the input."""

    is_view = True

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, grad: Tensor) -> Tensor:
        return Permute(inverse(self.axes))(grad)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A view of `input` whose dimension i is dimension dims[i] of `input`."""
    rank, wanted = array_of("permute", input).ndim, ints("permute", "dims", dims)
    if len(wanted) != rank:
        raise ShapeError(
            "permute: number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {len(wanted)}"
        )
    axes = tuple([one_dim("permute", d, rank) for d in wanted])
    if len(set(axes)) != rank:
        raise ArgumentError(f"permute(): duplicate dims are not allowed, got {wanted}")
    return Permute(axes)(input)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view of `input` with two dimensions swapped."""
    rank = array_of("transpose", input).ndim
    d0, d1 = one_dim("transpose", dim0, rank), one_dim("transpose", dim1, rank)
    axes = list(range(rank))
    if axes:
        axes[d0], axes[d1] = d1, d0
    return Permute(tuple(axes))(input)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """A view of `input` with two dimensions swapped; `transpose` under NumPy's name."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view of `input` with two dimensions swapped; another name of `transpose`."""
    return transpose(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """The transposed matrix, as a view; a vector or a 0-d tensor stays as it is."""
    rank = array_of("t", input).ndim
    if rank > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D: {input.array.shape}")
    return Permute(tuple(range(rank))[::-1])(input)


def adjoint(input: Tensor) -> Tensor:
    """A view with the last two dimensions swapped (real numbers need no conjugation)."""
    if array_of("adjoint", input).ndim < 2:
        raise ShapeError(
            f"adjoint: tensor.mT is only supported on matrices or batches of matrices. Got {input.array.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with the dimensions `source` at the places `destination`, the others in their order."""
    rank = array_of("movedim", input).ndim
    sources, places = ints("movedim", "source", source), ints("movedim", "destination", destination)
    if len(sources) != len(places):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should contain the same "
            f"number of dims as destination ({list(places)} dims)"
        )
    origin = {}
    for place, d in zip(places, sources, strict=True):
        origin[one_dim("movedim", place, rank)] = one_dim("movedim", d, rank)
    for name, given in (("source", sources), ("destination", places)):
        if len({d % max(rank, 1) for d in given}) != len(given):
            raise ArgumentError(f"movedim: repeated dim in `{name}` ({list(given)})")
    others = iter([d for d in range(rank) if d not in origin.values()])
    return Permute(tuple([origin[i] if i in origin else next(others) for i in range(rank)]))(input)


def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`movedim` under NumPy's name."""
    return movedim(input, source, destination)
