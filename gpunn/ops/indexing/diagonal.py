"""Diagonals, read as views and written into zeros: diagonal, diag, diag_embed, trace, fill_diagonal_."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ShapeError, UnsupportedError
from gpunn.ops.indexing.element import filling
from gpunn.ops.indexing.put import IndexPut
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import clone
from gpunn.ops.shape.dims import one_dim, one_int
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Diagonal(Function):
    """The view x[..., i, i + offset], where the last two of the named dimensions are dim1 and dim2."""

    is_view = True

    def __init__(self, offset: int, dim1: int, dim2: int) -> None:
        self.offset, self.dim1, self.dim2 = offset, dim1, dim2

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        reach = max(x.shape[self.dim1], x.shape[self.dim2])  # where all diagonals are empty; NumPy takes 32 bits
        self.offset = max(-reach, min(self.offset, reach))
        return backend.diagonal_view(x, self.offset, self.dim1, self.dim2)

    def backward(self, grad: Tensor) -> Tensor:
        return DiagonalBackward(self.was, self.offset, self.dim1, self.dim2)(grad)


class DiagonalBackward(Function):
    """Zeros, with the input on a diagonal."""

    def __init__(self, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> None:
        self.shape, self.place = shape, (offset, dim1, dim2)

    def forward(self, line: Array) -> Array:
        whole = array_module(line).zeros(self.shape, line.dtype)
        backend.diagonal_view(whole, *self.place)[...] = line
        return whole

    def backward(self, grad: Tensor) -> Tensor:
        return Diagonal(*self.place)(grad)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The view of input[i, i + offset] in the plane of `dim1` and `dim2`; i runs along its last dimension."""
    first, second = plane("diagonal", array_of("diagonal", input).ndim, dim1, dim2)
    return Diagonal(one_int("diagonal", "offset", offset), first, second)(input)


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:  # noqa: N803
    """`diagonal` of the matrices in the last two dimensions. `linalg.diagonal`."""
    return diagonal(A, offset, dim1, dim2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A copy of the diagonal of a matrix, or the square matrix with a vector on its diagonal."""
    offset = one_int("diag", "diagonal", diagonal)
    if array_of("diag", input).ndim == 1:
        return diag_embed(input, offset)
    if input.array.ndim != 2:
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got shape {input.array.shape}")
    return clone(Diagonal(offset, 0, 1)(input))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros with the last dimension of `input` on the diagonals in the plane of two new dimensions."""
    shape, offset = array_of("diag_embed", input).shape, one_int("diag_embed", "offset", offset)
    first, second = plane("diag_embed", len(shape) + 1, dim1, dim2)
    size = shape[-1] + abs(offset)
    rest = iter(shape[:-1])
    whole = tuple([size if d in (first, second) else next(rest) for d in range(len(shape) + 1)])
    return DiagonalBackward(whole, offset, first, second)(input)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The square matrix with all elements of `input` on its diagonal number `offset`."""
    return diag_embed(View((array_of("diagflat", input).size,))(input), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if array_of("trace", input).ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.array.ndim}")
    if input.array.dtype.kind == "b":
        raise UnsupportedError("trace: not implemented for bool; use x.long()")
    return Diagonal(0, 0, 1)(input).sum()


def fill_diagonal(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """A copy of `input` with `fill_value` where all indices are equal. Method `fill_diagonal_`.

    With `wrap` the diagonal of a matrix with more rows than columns starts again below a row that it leaves
    out.
    """
    x = input.array
    if x.ndim < 2:
        raise ShapeError(f"fill_diagonal_: dimensions must larger than 1, got shape {x.shape}")
    if x.ndim > 2 and len(set(x.shape)) > 1:
        raise ShapeError(f"fill_diagonal_: all dimensions of input must be of equal length, got shape {x.shape}")
    columns = x.shape[-1]
    step = 1 + sum(columns**d for d in range(1, x.ndim))
    end = x.size if wrap and x.ndim == 2 else min(x.size, columns**x.ndim)
    places: Tensor = Variable.result_type(array_module(x).arange(0, end, step))
    filled = IndexPut((0,))(View((x.size,))(input), filling("fill_diagonal_", input, fill_value), places)
    return View(x.shape)(filled)


def plane(op: str, rank: int, dim1: int, dim2: int) -> tuple[int, int]:
    """The two dimensions as different numbers in [0, rank)."""
    first, second = one_dim(op, dim1, rank), one_dim(op, dim2, rank)
    if rank < 2 or first == second:
        raise ArgumentError(f"{op}: diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second
