"""Other shapes for the same elements in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpunn import backend, dtypes
from gpunn.backend import Array
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable, share_memory_of
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import contiguous
from gpunn.ops.shape.dims import inferred_shape, ints, one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class View(Function):
    """The elements in another shape; a copy only where no strides lead to them in their order."""

    is_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        return x.reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return View(self.was)(grad)


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The elements of `input` in `shape`, whose -1 stands for what is left; a view where possible."""
    return View(inferred_shape("reshape", ints("reshape", "shape", shape), array_of("reshape", input).size))(input)


def view(input: Tensor, size: Sequence[int] | dtype | None = None, *, dtype: dtype | None = None) -> Tensor:
    """A view of `input` with shape `size`; or, for a dtype, of the same bytes as elements of another type.

    Never copies: ShapeError where the strides do not allow a view. A view as another dtype has no gradient;
    if the elements are smaller or larger, the last dimension grows or shrinks.
    """
    if dtype is not None or isinstance(size, dtypes.dtype):
        return _reinterpreted(input, dtypes.as_dtype(size if dtype is None else dtype))
    if size is None:
        raise ArgumentTypeError("view: expected a shape or a dtype")
    x = array_of("view", input)
    shape = inferred_shape("view", ints("view", "size", size), x.size)
    if not (x.flags.c_contiguous or x.size == 0 or backend.is_view(x.reshape(shape), x)):
        raise ShapeError(
            f"view: view size {list(shape)} is not compatible with input tensor's size {list(x.shape)} and stride "
            f"{list(input.stride())} (at least one dimension spans across two contiguous subspaces). "
            "Use .reshape(...) instead."
        )
    return View(shape)(input)


def _reinterpreted(input: Tensor, to: dtype) -> Tensor:
    x, size = input.array, to.itemsize
    if x.dtype.itemsize != size:
        _check_other_size(x, dtypes.of(x), to)
    result = Variable.result_type(x.view(to.numpy))
    share_memory_of(result, input)
    return result


def _check_other_size(x: Array, was: dtype, to: dtype) -> None:
    """Raise unless the rows of `x` are runs of bytes that divide into elements of `to`."""
    change = f"to view {was.name} as {to.name} (different element sizes)"
    if x.ndim == 0:
        raise DtypeError(f"view: self.dim() cannot be 0 {change}; reshape it to (1,) first")
    if x.shape[-1] > 1 and x.strides[-1] != was.itemsize:
        raise DtypeError(f"view: self.stride(-1) must be 1 {change}, but got {x.strides[-1] // was.itemsize}")
    if x.shape[-1] * was.itemsize % to.itemsize:
        ratio = to.itemsize // was.itemsize
        raise DtypeError(f"view: self.size(-1) must be divisible by {ratio} {change}, but got {x.shape[-1]}")
    if any(s % to.itemsize for s in x.strides[:-1]) or backend.data_pointer(x) % to.itemsize:
        raise DtypeError(f"view: rows must start at a multiple of {to.itemsize} bytes {change}; use contiguous()")


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """A view of `input` with the shape of `other`."""
    return view(input, array_of("view_as", other).shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` in the shape of `other`; a view wherever one is possible."""
    return reshape(input, array_of("reshape_as", other).shape)


def numel(input: Tensor) -> int:
    """The number of elements of `input`."""
    return int(array_of("numel", input).size)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """`input` with the dimensions from `start_dim` to `end_dim` as one; itself if that is one already."""
    shape = array_of("flatten", input).shape
    if not shape:
        one_dim("flatten", start_dim, 0)
        one_dim("flatten", end_dim, 0)
        return View((1,))(input)
    first, last = one_dim("flatten", start_dim, len(shape)), one_dim("flatten", end_dim, len(shape))
    if first > last:
        raise ShapeError(
            f"flatten() has invalid args: start_dim cannot come after end_dim, got {start_dim} and {end_dim} for "
            f"shape {shape}"
        )
    if first == last:
        return input
    length = 1
    for n in shape[first : last + 1]:
        length *= n
    return View((*shape[:first], length, *shape[last + 1 :]))(input)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """`input` with dimension `dim` as several of `sizes`, one of which may be -1; a view."""
    shape, parts = array_of("unflatten", input).shape, ints("unflatten", "sizes", sizes, also_one=False)
    d = one_dim("unflatten", dim, len(shape))
    if not parts:
        raise ShapeError("unflatten: sizes must be non-empty")
    try:
        parts = inferred_shape("unflatten", parts, shape[d] if shape else 1)
    except ShapeError as error:
        raise ShapeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {dim} "
            f"({shape[d] if shape else 1}) in the input tensor of shape {shape}"
        ) from error
    return View((*shape[:d], *parts, *shape[d + 1 :]))(input)


def ravel(input: Tensor) -> Tensor:
    """`input` with one dimension; a view if it is contiguous, else a copy."""
    return View((array_of("ravel", input).size,))(contiguous(input))
