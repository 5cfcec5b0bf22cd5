"""A copy with one view of it replaced: select_scatter, slice_scatter, diagonal_scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.indexing.diagonal import Diagonal, plane
from gpunn.ops.indexing.parse import parse
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim, one_int
from gpunn.ops.shape.slicing import Slice

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ViewScatter(Function):
    """A copy of x in which a view, the one that the Function `view` makes, was filled with `src`."""

    def __init__(self, view: Function) -> None:
        self.view = view

    def forward(self, x: Array, src: Any) -> Array:
        out = x.copy()
        self.view.fresh().forward(out)[...] = src
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            ViewScatter(self.view)(grad, 0) if self.needs[0] else None,
            self.view.fresh()(grad).clone() if self.needs[1] else None,
        )


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with `src` in the place of input.select(dim, index)."""
    return _replaced("select_scatter", input, _at_dim("select_scatter", input, dim, index), src)


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of `input` with `src` in the place of input[start:end:step], taken along `dim`."""
    if step < 1:
        raise ArgumentError(f"slice_scatter: slice step must be positive, got {step}")
    view = _at_dim("slice_scatter", input, dim, slice(start, end, step))
    return _replaced("slice_scatter", input, view, src)


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `src` in the place of input.diagonal(offset, dim1, dim2)."""
    first, second = plane("diagonal_scatter", array_of("diagonal_scatter", input).ndim, dim1, dim2)
    return _replaced(
        "diagonal_scatter", input, Diagonal(one_int("diagonal_scatter", "offset", offset), first, second), src
    )


def _at_dim(op: str, input: Tensor, dim: int, item: int | slice) -> Function:
    d = one_dim(op, dim, array_of(op, input).ndim)
    return Slice((*parse((*(slice(None),) * d, item), input.array).basic, ...))


def _replaced(op: str, input: Tensor, view: Function, src: Tensor) -> Tensor:
    """A copy of `input` with `src` in the place of its `view`."""
    shape = view.forward(input.array).shape
    if array_of(op, src, "src").shape != shape:
        raise ShapeError(
            f"{op}: expected src to have a size equal to the slice of self. src size = {src.array.shape}, slice size = "
            f"{shape}"
        )
    return ViewScatter(view)(input, cast(src, dtypes.of(input.array)))
