"""Sums of products over dimensions of two tensors, as one GEMM or a batch: tensordot, steps of einsum."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.linalg.products import MatMul, check_operands
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import distinct_dims, ints
from gpunn.ops.shape.permutation import Permute
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Labels = list[Any]  # a name for each dimension; equal names belong together


def contract(a: Tensor, a_labels: Labels, b: Tensor, b_labels: Labels, keep: Collection[Any]) -> tuple[Tensor, Labels]:
    """The products of a and b along common labels, summed over labels not in `keep`; and its labels.

    A dimension of length 1 broadcasts. Order of the result: common labels, those of a alone, those of b
    alone.
    """
    a, a_labels = _without_ones(a, a_labels, b, b_labels)
    b, b_labels = _without_ones(b, b_labels, a, a_labels)
    a, a_labels = summed(a, a_labels, {*b_labels, *keep})
    b, b_labels = summed(b, b_labels, {*a_labels, *keep})
    if a.array.dtype != b.array.dtype:  # integers were summed, in int64
        a, b = cast(a, dtypes.int64), cast(b, dtypes.int64)
    batch = [x for x in a_labels if x in b_labels and x in keep]
    inner = [x for x in a_labels if x in b_labels and x not in keep]
    rows = [x for x in a_labels if x not in b_labels]
    columns = [x for x in b_labels if x not in a_labels]
    size = dict(zip(a_labels + b_labels, a.array.shape + b.array.shape, strict=True))
    shape = tuple([size[x] for x in batch + rows + columns])
    if inner:
        left, a_t = _as_matrices(a, a_labels, batch, rows, inner)
        right, b_t = _as_matrices(b, b_labels, batch, inner, columns)
        product: Tensor = MatMul(a_t, b_t)(left, right)
    else:
        left = arranged(a, a_labels, batch + rows)
        left = View((*left.array.shape, *(1,) * len(columns)))(left) if columns else left
        right = arranged(b, b_labels, batch + columns)
        ones = (1,) * len(rows)
        heads, tails = right.array.shape[: len(batch)], right.array.shape[len(batch) :]
        product = left * (View((*heads, *ones, *tails))(right) if rows else right)
    return product if product.array.shape == shape else View(shape)(product), batch + rows + columns


def _without_ones(x: Tensor, labels: Labels, other: Tensor, other_labels: Labels) -> tuple[Tensor, Labels]:
    """`x` without its dimensions of length 1 that are longer in `other`."""
    longer = {label for label, n in zip(other_labels, other.array.shape, strict=True) if n != 1}
    kept = [d for d, label in enumerate(labels) if x.array.shape[d] != 1 or label not in longer]
    if len(kept) == len(labels):
        return x, labels
    return View(tuple([x.array.shape[d] for d in kept]))(x), [labels[d] for d in kept]


def summed(x: Tensor, labels: Labels, keep: Collection[Any]) -> tuple[Tensor, Labels]:
    """`x` summed over the dimensions whose labels are not in `keep`."""
    dims = [d for d, label in enumerate(labels) if label not in keep]
    if not dims:
        return x, labels
    return x.sum(dims), [label for label in labels if label in keep]


def arranged(x: Tensor, labels: Labels, order: Labels) -> Tensor:
    """`x` with its dimensions in the order of the labels `order`."""
    axes = tuple([labels.index(label) for label in order])
    return x if axes == tuple(range(len(axes))) else Permute(axes)(x)


def _as_matrices(x: Tensor, labels: Labels, batch: Labels, rows: Labels, columns: Labels) -> tuple[Tensor, bool]:
    """`x` as a matrix or a batch of them, and whether transposed; without moving memory if possible."""
    straight = arranged(x, labels, batch + rows + columns)
    crossed = arranged(x, labels, batch + columns + rows)
    swap = crossed.array.flags.c_contiguous and not straight.array.flags.c_contiguous
    chosen = crossed if swap else straight
    shape, first = chosen.array.shape, len(batch)
    middle = first + (len(columns) if swap else len(rows))
    matrix = (math.prod(shape[first:middle]), math.prod(shape[middle:]))
    return View((math.prod(shape[:first]), *matrix) if batch else matrix)(chosen), swap


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over the last `dims` of a and the first of b, or over dims[0] of a, dims[1] of b.

    The dimensions that remain of a come first, then those of b.
    """
    check_operands("tensordot", a, b)
    left, right = _pairs(a, b, dims)
    for m, n in zip(left, right, strict=True):
        if a.array.shape[m] != b.array.shape[n] and 1 not in (a.array.shape[m], b.array.shape[n]):
            raise ShapeError(
                f"tensordot: contracted dimensions need to match, but first has size {a.array.shape[m]} in dim {m} and "
                f"second has size {b.array.shape[n]} in dim {n}; the shapes are {a.array.shape} and {b.array.shape}"
            )
    rank = a.array.ndim
    a_labels: Labels = list(range(rank))
    b_labels = [left[right.index(d)] if d in right else rank + d for d in range(b.array.ndim)]
    keep = {*a_labels, *b_labels} - set(left)
    return cast(contract(a, a_labels, b, b_labels, keep)[0], a.dtype)


def is_of_one_element(a: Tensor, b: Tensor, dims: Any) -> bool:
    """Whether tensordot(a, b, dims) is a product of vectors, not of matrices."""
    taken = _pairs(a, b, dims)
    rest = [n for x, of in zip((a, b), taken, strict=True) for d, n in enumerate(x.array.shape) if d not in of]
    return math.prod(rest) == 1


def _pairs(a: Tensor, b: Tensor, dims: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The dimensions of a and those of b that belong together."""
    if isinstance(dims, Variable):
        dims = dims.tolist()  # type: ignore[attr-defined]
    if isinstance(dims, Sequence):
        first, second = (ints("tensordot", "dims", d) for d in dims)
        if len(first) != len(second):
            raise ArgumentError(f"tensordot: both dimension lists should have same length, got {first} and {second}")
        return distinct_dims("tensordot", first, a.array.ndim), distinct_dims("tensordot", second, b.array.ndim)
    if not 0 <= dims <= min(a.array.ndim, b.array.ndim):
        raise ArgumentError(
            f"tensordot: expects 0 <= dims <= the number of dimensions of both, but got dims={dims} for shapes "
            f"{a.array.shape} and {b.array.shape}"
        )
    return tuple(range(a.array.ndim - dims, a.array.ndim)), tuple(range(dims))
