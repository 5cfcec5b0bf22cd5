"""Sums and means over dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gpunn import dtypes
from gpunn.backend import Array, array_module, broadcast_view
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable
from gpunn.errors import DtypeError, UnsupportedError
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.reduction.accumulate import accumulated, reduced_size, total, widened
from gpunn.ops.reduction.arguments import Dims, array_of, numpy_names
from gpunn.ops.reduction.line_sums import sums
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Reduction(Function):
    """A Function of one tensor that reduces `axes` to length 1, or drops them unless `keepdim`."""

    def __init__(self, axes: tuple[int, ...], keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim

    def spread(self, reduced: Tensor) -> Tensor:
        """`reduced`, of the shape of the result, expanded to the shape of the input."""
        return Spread(self.axes, self.shape)(reduced)

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return self.reduce(x)

    def reduce(self, x: Array) -> Array:
        """The values."""
        raise UnsupportedError(f"{self.op_name} has no forward")


class Spread(Function):
    """The reduced `axes` back in their places, with the length that they have in `shape`."""

    is_view = True

    def __init__(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.axes, self.shape = axes, shape

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        kept = tuple([1 if axis in self.axes else n for axis, n in enumerate(self.shape)])
        return broadcast_view(x.reshape(kept), self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Sum(self.axes, keepdim=len(self.was) == len(self.shape))(grad)


class Sum(Reduction):
    """The sum; `dtype` is the type to add integers in."""

    def __init__(self, axes: tuple[int, ...], keepdim: bool, dtype: dtype | None = None) -> None:
        super().__init__(axes, keepdim)
        self.dtype = dtype

    def reduce(self, x: Array) -> Array:
        return total(x, self.axes, self.keepdim, None if self.dtype is None else self.dtype.numpy)

    def forward_cuda(self, x: Array) -> Array:
        self.shape = x.shape
        return sums(x, self.axes, self.keepdim) if x.dtype.kind in "fV" else self.reduce(x)

    def backward(self, grad: Tensor) -> Tensor:
        return self.spread(grad)


class Nansum(Reduction):
    """The sum of the elements that are numbers."""

    saves: ClassVar = {0: (0,)}

    def reduce(self, x: Array) -> Array:
        numbers = array_module(x).where(x == x, widened(x), 0)
        return accumulated(numbers, self.axes, self.keepdim).astype(x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0).array
        return masked(self.spread(grad), Variable.result_type(x == x))


class Mean(Reduction):
    """The sum divided by the number of elements."""

    def reduce(self, x: Array) -> Array:
        self.count = reduced_size(x.shape, self.axes)
        return (accumulated(x, self.axes, self.keepdim) / self.count).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        self.shape, self.count = x.shape, reduced_size(x.shape, self.axes)
        return sums(x, self.axes, self.keepdim, float(self.count))

    def backward(self, grad: Tensor) -> Tensor:
        return self.spread(grad / self.count) if self.count else self.spread(grad)


@numpy_names
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum over `dim`, or of all elements; 0 where there is nothing to add.

    Integers and booleans are added in int64; with `dtype` the elements are converted first.
    """
    axes = several_dims("sum", dim, array_of("sum", input).ndim)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        input = cast(input, dtype)
    return Sum(axes, keepdim, dtype)(input)


@numpy_names
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum over `dim`, or of all elements, where NaN counts as 0."""
    axes = several_dims("nansum", dim, array_of("nansum", input).ndim)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        input = cast(input, dtype)
    if not dtypes.of(input.array).is_floating_point:
        return Sum(axes, keepdim, dtype)(input)
    return Nansum(axes, keepdim)(input)


@numpy_names
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean over `dim`, or of all elements; NaN where there are none.

    With `dtype` the elements are converted first. Raises DtypeError if they are integers then.
    """
    axes = several_dims("mean", dim, array_of("mean", input).ndim)
    input = _floating("mean", input, dtype)
    return Mean(axes, keepdim)(input)


@numpy_names
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean over `dim`, or of all elements, of those that are not NaN."""
    axes = several_dims("nanmean", dim, array_of("nanmean", input).ndim)
    input = _floating("nanmean", input, dtype)
    count = Sum(axes, keepdim)(Variable.result_type(input.array == input.array))
    return Nansum(axes, keepdim)(input) / count


def _floating(op: str, input: Tensor, dtype: dtype | None) -> Tensor:
    """`input` as `dtype`, which must be a floating type; as it is if `dtype` is None."""
    wanted = dtypes.of(input.array) if dtype is None else dtypes.as_dtype(dtype)
    if not wanted.is_floating_point:
        raise DtypeError(
            f"{op}(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be "
            f"a floating point dtype. Got: {wanted}. Give one: x.{op}(dtype=gpunn.float32)"
        )
    return cast(input, wanted)
