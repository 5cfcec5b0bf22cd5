"""Several tensors in one. Their dtypes are promoted to a common one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.reduction.arguments import numpy_names
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.pieces import Cat, Stack
from gpunn.ops.shape.squeezing import atleast_1d, atleast_2d, atleast_3d
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`; their other dimensions must be equal.

    A tensor of shape (0,) fits any others and adds nothing.
    """
    parts = in_common_dtype("cat", tensors)
    shapes = [x.array.shape for x in parts]
    for i, shape in enumerate(shapes):
        if not shape:
            raise ShapeError(f"cat: zero-dimensional tensor (at position {i}) cannot be concatenated")
    first = next((shape for shape in shapes if shape != (0,)), None)
    if first is None:
        return Cat(0)(*parts)
    d = one_dim("cat", dim, len(first))
    for i, shape in enumerate(shapes):
        if shape != first and shape != (0,):
            _check_fit(first, shape, d, i)
    return Cat(d)(*parts)


def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """`cat` under another name."""
    return cat(tensors, dim)


def concatenate(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """`cat` under NumPy's name."""
    return cat(tensors, dim)


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new dimension at `dim`."""
    parts = in_common_dtype("stack", tensors)
    first = parts[0].array.shape
    for i, x in enumerate(parts):
        if x.array.shape != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x.array.shape)} at entry {i}"
            )
    return Stack(one_dim("stack", dim, len(first) + 1))(*parts)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side: joined along dimension 1, or 0 for vectors and 0-d tensors."""
    parts = atleast_1d(in_common_dtype("hstack", tensors))
    return cat(parts, 0 if parts[0].array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors below each other: joined along dimension 0, vectors as rows."""
    return cat(atleast_2d(in_common_dtype("vstack", tensors)), 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors behind each other: joined along dimension 2, after `atleast_3d`."""
    return cat(atleast_3d(in_common_dtype("dstack", tensors)), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors as columns: joined along dimension 1, vectors and 0-d tensors as columns of their own."""
    parts = in_common_dtype("column_stack", tensors)
    return cat([x if x.array.ndim > 1 else View((x.array.size, 1))(x) for x in parts], 1)


def in_common_dtype(op: str, tensors: Any) -> list[Any]:
    """The elements of `tensors`, which must be tensors, and at least one, in their common dtype."""
    if isinstance(tensors, Variable) or not hasattr(tensors, "__iter__"):
        raise ArgumentTypeError(f"{op}: expected a sequence of Tensors, not {type(tensors).__name__}")
    parts = list(tensors)
    for i, x in enumerate(parts):
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: expected Tensor as element {i}, but got {type(x).__name__}")
    if not parts:
        raise ArgumentError(f"{op}: expected a non-empty list of Tensors")
    if len({x.array.dtype for x in parts}) > 1:
        target = dtypes.result_type(*parts)
        parts = [cast(x, target) for x in parts]
    return parts


def _check_fit(first: tuple[int, ...], shape: tuple[int, ...], dim: int, i: int) -> None:
    if len(shape) != len(first):
        raise ShapeError(
            f"cat: Tensors must have same number of dimensions: got {len(first)} and {len(shape)}: {first} and {shape}"
        )
    for d, (m, n) in enumerate(zip(first, shape, strict=True)):
        if m != n and d != dim:
            raise ShapeError(
                f"cat: Sizes of tensors must match except in dimension {dim}. Expected size {m} but got size {n} for "
                f"tensor number {i} in the list: shapes {first} and {shape}."
            )
