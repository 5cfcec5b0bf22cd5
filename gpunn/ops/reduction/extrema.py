"""The largest and smallest elements, and where they are. NaN counts as the largest and as the smallest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import DtypeError, IndexRangeError
from gpunn.ops import return_types
from gpunn.ops.arithmetic.clamp import maximum, minimum
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import Dims, array_of, numpy_names, refuse_empty
from gpunn.ops.reduction.selection import Selection
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.dims import one_dim, several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Tied(Reduction):
    """One element for many, all of which may equal it: the gradient is shared evenly among those that do."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def backward(self, grad: Tensor) -> Tensor:
        share = ties(self.saved(0).array, self.spread(self.saved_output()).array, self.axes)
        return self.spread(grad) * Variable.result_type(share)


class Amax(Tied):
    """The largest element over several dimensions."""

    def reduce(self, x: Array) -> Array:
        return array_module(x).amax(widened(x), axis=self.axes, keepdims=self.keepdim).astype(x.dtype)


class Amin(Tied):
    """The smallest element over several dimensions."""

    def reduce(self, x: Array) -> Array:
        return array_module(x).amin(widened(x), axis=self.axes, keepdims=self.keepdim).astype(x.dtype)


class Max(Selection):
    """The first largest element along one dimension, and where it is."""

    def choose(self, x: Array) -> Array:
        return array_module(x).argmax(widened(x), axis=self.axis, keepdims=True)


class Min(Selection):
    """The first smallest element along one dimension, and where it is."""

    def choose(self, x: Array) -> Array:
        return array_module(x).argmin(widened(x), axis=self.axis, keepdims=True)


class Argmax(Reduction):
    """Where the first largest element is; `axes` is one dimension, or all."""

    def reduce(self, x: Array) -> Array:
        return self.at(x, array_module(x).argmax)

    def at(self, x: Array, find: Any) -> Array:
        """What `find` says of one dimension of `x`, or of all in one."""
        if len(self.axes) == 1:
            return find(widened(x), axis=self.axes[0], keepdims=self.keepdim)
        found = find(widened(x).ravel(), axis=0)
        return found.reshape((1,) * x.ndim) if self.keepdim else found


class Argmin(Argmax):
    """Where the first smallest element is; `axes` is one dimension, or all."""

    def reduce(self, x: Array) -> Array:
        return self.at(x, array_module(x).argmin)


def ties(x: Array, winner: Array, axes: tuple[int, ...]) -> Array:
    """For each element of `x` its share of what goes to those that equal `winner`, in the type of x."""
    equal = (x == winner) | ((x != x) & (winner != winner))
    return (equal / equal.sum(axis=axes, keepdims=True)).astype(x.dtype)


@numpy_names
def max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The largest element; with `dim`, (values, indices) along it; with a tensor, `maximum(input, other)`.

    The indices are those of the first largest elements, which receive the gradient; without `dim`, equal
    elements share it. Raises IndexRangeError if there is nothing to compare.
    """
    against = dim if isinstance(dim, Variable) else other
    if against is not None:
        return maximum(input, against)
    return _extreme(return_types.max, Amax, Max, input, dim, keepdim)


@numpy_names
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The smallest element; with `dim`, (values, indices) along it; with a tensor, `minimum(input, other)`.

    The indices are those of the first smallest elements, which receive the gradient; without `dim`, equal
    elements share it. Raises IndexRangeError if there is nothing to compare.
    """
    against = dim if isinstance(dim, Variable) else other
    if against is not None:
        return minimum(input, against)
    return _extreme(return_types.min, Amin, Min, input, dim, keepdim)


def _extreme(
    kind: type[return_types.Selected],
    over_all: type[Tied],
    over_one: type[Selection],
    input: Tensor,
    dim: Any,
    keepdim: bool,
) -> Tensor | return_types.Selected:
    op = kind.__name__
    shape = array_of(op, input).shape
    if dim is None:
        _refuse_no_elements(op, shape)
        return over_all(tuple(range(len(shape))), False)(input)
    axis = one_dim(op, dim, len(shape))
    refuse_empty(op, shape, (axis,))
    return kind(*over_one(axis, keepdim)(input))


@numpy_names
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The largest elements over one or several dimensions (none: all). Equal ones share the gradient."""
    return Amax(_axes("amax", input, dim), keepdim)(input)


@numpy_names
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The smallest elements over one or several dimensions (none: all). Equal ones share the gradient."""
    return Amin(_axes("amin", input, dim), keepdim)(input)


@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> return_types.aminmax:
    """(min, max) along `dim`, or of all elements. Equal ones share the gradient."""
    if dim is not None:
        dim = one_dim("aminmax", dim, array_of("aminmax", input).ndim)
    axes = _axes("aminmax", input, dim)
    return return_types.aminmax(Amin(axes, keepdim)(input), Amax(axes, keepdim)(input))


@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first largest element along `dim` is; without it, counted through all in C order."""
    return Argmax(_one_or_all("argmax", input, dim), keepdim)(input)


@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first smallest element along `dim` is; without it, counted through all in C order."""
    return Argmin(_one_or_all("argmin", input, dim), keepdim)(input)


def _axes(op: str, input: Tensor, dim: Dims) -> tuple[int, ...]:
    """The dimensions to reduce, none of them empty."""
    shape = array_of(op, input).shape
    axes = several_dims(op, dim, len(shape))
    if len(axes) == len(shape):
        _refuse_no_elements(op, shape)
    refuse_empty(op, shape, axes)
    return axes


def _one_or_all(op: str, input: Tensor, dim: int | None) -> tuple[int, ...]:
    array = array_of(op, input)
    if dtypes.of(array) is dtypes.bool_:
        raise DtypeError(f"{op}(): does not support bool input; convert it first: x.to(gpunn.uint8)")
    return _axes(op, input, None if dim is None else one_dim(op, dim, array.ndim))


def _refuse_no_elements(op: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise IndexRangeError(
            f"{op}(): Expected reduction dim to be specified for input.numel() == 0. The shape is {shape}: "
            "name a dimension that is not empty with the 'dim' argument"
        )
