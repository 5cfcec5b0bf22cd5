"""Norms of vectors and of matrices, as in `linalg`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from gpunn.ops.linalg.lapack import check_precision
from gpunn.ops.linalg.singular import SingularValues
from gpunn.ops.reduction import norms
from gpunn.ops.reduction.arguments import Dims, array_of
from gpunn.ops.reduction.extrema import amax, amin
from gpunn.ops.reduction.nuclear import nuclear_norm
from gpunn.ops.shape.dims import several_dims
from gpunn.ops.shape.permutation import movedim
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

ORDERS: Final = (1, -1, 2, -2, math.inf, -math.inf)


def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Tensor:
    """A norm of vectors or of matrices. `linalg.norm`.

    Without `ord` it is √Σ x² over `dim`, or over all elements. With it, `dim` of two dimensions, or a matrix
    without `dim`, asks for `matrix_norm`; `dim` of one dimension, or a vector, for `vector_norm`.
    """
    op = "linalg.norm"
    rank = array_of(op, input).ndim
    dims = None if dim is None else _given(op, dim)
    if dims is not None and len(dims) not in (1, 2):
        raise ArgumentError(f"{op}: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if ord is None:
        return vector_norm(input, 2, dims, keepdim, dtype=dtype)
    if dims is None and rank not in (1, 2):
        raise ShapeError(
            f"{op}: If dim is not specified but ord is, the input must be 1D or 2D. Got {rank}D, of shape "
            f"{input.array.shape}"
        )
    if len(dims) == 2 if dims is not None else rank == 2:
        return matrix_norm(input, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise ArgumentError(
            f"{op}: order {ord!r} is one of matrices, got {rank}D input of shape {input.array.shape} and dim={dim}"
        )
    return vector_norm(input, ord, dims, keepdim, dtype=dtype)


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim`, or over all elements. `linalg.vector_norm`.

    0 counts the elements that are not 0, ±inf is the largest or smallest |x|. Computed in `dtype`, if given. The
    gradient is 0 where there is none.
    """
    op = "linalg.vector_norm"
    array = array_of(op, x)
    if isinstance(ord, (str, bool)) or not hasattr(ord, "__float__"):
        raise ArgumentTypeError(f"{op}: ord must be a number, got {ord!r}; for names of norms see linalg.matrix_norm")
    return norms.vector_norm(op, x, float(ord), several_dims(op, dim, array.ndim), keepdim, dtype)


def matrix_norm(
    input: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Tensor:
    """A norm of the matrices in the two dimensions `dim`. `linalg.matrix_norm`.

    `ord`: "fro" √Σ x²; "nuc" the sum of the singular values; 2 and -2 the largest and the smallest of them; inf and
    -inf the largest and the smallest sum of |x| of a row; 1 and -1 of a column. Computed in `dtype`, if given.
    """
    op = "linalg.matrix_norm"
    rank = array_of(op, input).ndim
    if rank < 2:
        raise ShapeError(f"{op}: The input tensor must have at least 2 dimensions, got shape {input.array.shape}")
    dims = _given(op, dim)
    if len(dims) != 2:
        raise ArgumentError(f"{op}: dim must be a 2-tuple. Got {list(dims)}")
    rows, columns = several_dims(op, dims, rank)
    if isinstance(ord, str):
        if ord == "fro":
            return norms.vector_norm(op, input, 2.0, (rows, columns), keepdim, dtype)
        if ord != "nuc":
            raise ArgumentError(
                f"{op}: Order {ord} not supported; give 'fro', 'nuc', 1, 2, inf or one of these negated"
            )
    elif isinstance(ord, bool) or ord not in ORDERS:
        raise ArgumentError(f"{op}: Order {ord} not supported; give 'fro', 'nuc', 1, 2, inf or one of these negated")
    input = norms.as_floating(op, input, dtype)
    if isinstance(ord, str):
        check_precision(op, input.array)
        return nuclear_norm(input, (rows, columns), keepdim)
    if abs(ord) == 2:
        return _extreme_value(op, input, ord > 0, (rows, columns), keepdim)
    across, along = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = norms.vector_norm(op, input, 1.0, (across,), True)
    result = _extreme(op, input, sums, ord, along)
    return result if keepdim else _without(result, (rows, columns))


def _extreme_value(op: str, a: Tensor, largest: bool, axes: tuple[int, int], keepdim: bool) -> Tensor:
    """The largest or the smallest singular value."""
    check_precision(op, a.array)
    values = SingularValues(op, False)(movedim(a, axes, (-2, -1)))[1]
    result = _extreme(op, a, values, 2 if largest else -2, values.array.ndim - 1)
    shape = tuple([1 if d in axes else n for d, n in enumerate(a.array.shape)])
    return View(shape if keepdim else values.array.shape[:-1])(result)


def _extreme(op: str, a: Tensor, sizes: Tensor, ord: float, axis: int) -> Tensor:
    """The largest of `sizes` along `axis`, which is 0 if there is none, or if `ord` < 0 the smallest."""
    if sizes.array.shape[axis] > 0:
        return (amax if ord > 0 else amin)(sizes, axis, True)
    if ord > 0:
        return sizes.sum(axis, True)
    raise IndexRangeError(
        f"{op}: the norm of order {ord} has no value for a matrix without elements: Expected reduction dim {axis} to "
        f"have non-zero size; the shape is {a.array.shape}"
    )


def _without(x: Tensor, axes: tuple[int, int]) -> Tensor:
    return View(tuple([n for d, n in enumerate(x.array.shape) if d not in axes]))(x)


def _given(op: str, dim: Dims) -> Any:
    """`dim` as a tuple; not yet checked against the shape."""
    if hasattr(dim, "__index__"):
        return (dim,)
    try:
        return tuple(dim)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentTypeError(f"{op}: dim must be an int or ints, got {dim!r}") from None
