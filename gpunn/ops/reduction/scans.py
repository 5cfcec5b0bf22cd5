"""Running sums, extremes and log-sum-exp along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable
from gpunn.errors import UnsupportedError
from gpunn.ops import return_types
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.reduction.recurrence import Recurrence, Shift, running
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Cumsum(Function):
    """The sums of the first 1, 2, ... elements, in reverse of the last ones; of integers in `dtype`."""

    def __init__(self, axis: int, reverse: bool = False, dtype: dtype | None = None) -> None:
        self.axis, self.reverse, self.dtype = axis, reverse, dtype

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        row = x.reshape(x.shape or (1,))
        if self.reverse:
            row = xp.flip(row, self.axis)
        added = summed_up(row, self.axis, xp.cumsum, self.dtype)
        return (xp.flip(added, self.axis) if self.reverse else added).reshape(x.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Cumsum(self.axis, not self.reverse)(grad)


def summed_up(x: Array, axis: int, scan: Any, dtype: dtype | None) -> Array:
    """`scan` (cumsum or cumprod) of floats in float64, rounded once; of integers in int64, or in `dtype`."""
    if x.dtype.kind in "fV":
        return scan(x.astype(np.float64), axis=axis).astype(x.dtype, copy=False)
    return scan(x, axis=axis, dtype=np.int64 if dtype is None else dtype.numpy)


Run: TypeAlias = Callable[[Any, Array, int], Array]


class Scan(Function):
    """A Function that applies ufuncs to the first 1, 2, ... elements along `axis`."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, x: Array) -> Any:
        return self.scan(x, _accumulated)

    def forward_cuda(self, x: Array) -> Any:
        return self.scan(x, _combined)

    def scan(self, x: Array, run: Run) -> Any:
        """The values. `run(ufunc, array, axis)` applies a ufunc."""
        raise UnsupportedError(f"{self.op_name} has no forward")


def _accumulated(ufunc: Any, x: Array, axis: int) -> Array:
    return ufunc.accumulate(x, axis=axis)


def _combined(ufunc: Any, x: Array, axis: int) -> Array:
    """What `ufunc.accumulate` gives, which CuPy lacks."""

    def combine(earlier: Array, later: Array) -> tuple[Array]:
        return (ufunc(earlier, later),)

    return running(combine, axis, x.copy())[0]


class Cummax(Scan):
    """The largest of the first 1, 2, ... elements, and where the last of them is."""

    takes_none = True
    better = "maximum"

    def scan(self, x: Array, run: Run) -> tuple[Array, Array]:
        xp, row = array_module(x), widened(x).reshape(x.shape or (1,))
        values = run(getattr(xp, self.better), row, self.axis)
        is_new = (row == values) | (row != row)
        place = xp.arange(row.shape[self.axis]).reshape([-1 if d == self.axis else 1 for d in range(row.ndim)])
        index = run(xp.maximum, xp.where(is_new, place, 0), self.axis)
        if self.needs[0]:
            self.kept = is_new
        return values.astype(x.dtype).reshape(x.shape), index.reshape(x.shape)

    def backward(self, grad: Tensor, _: Any) -> Tensor:
        """What was the largest from here to there gets the gradients of that stretch."""
        if not grad.array.shape:
            return grad
        is_new = Variable.result_type(self.kept)
        runs = Variable.result_type((~self.kept).astype(grad.array.dtype))
        return masked(Recurrence(self.axis, reverse=True)(runs, grad), is_new)


class Cummin(Cummax):
    """The smallest of the first 1, 2, ... elements, and where the last of them is."""

    better = "minimum"


class Logcumsumexp(Scan):
    """log Σ exp(x) over the first 1, 2, ... elements, added in float64."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def scan(self, x: Array, run: Run) -> Array:
        row = x.reshape(x.shape or (1,)).astype(np.float64)
        return run(array_module(x).logaddexp, row, self.axis).astype(x.dtype).reshape(x.shape)

    def backward(self, grad: Tensor) -> Tensor:
        """exp(x_i - y_i) Σ_k>=i g_k exp(y_i - y_k), whose exponents are all 0 or less."""
        x, y = self.saved(0), self.saved_output()
        if not x.array.shape:
            return grad
        decay = (Shift(self.axis, fill=-np.inf)(y) - y).exp()
        return (x - y).exp() * Recurrence(self.axis, reverse=True)(decay, grad)


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The sums of the first 1, 2, ... elements along `dim`.

    Integers and booleans are added in int64; with `dtype` the elements are converted first.
    """
    axis = one_dim("cumsum", dim, array_of("cumsum", input).ndim)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        input = cast(input, dtype)
    return Cumsum(axis, dtype=dtype)(input)


@numpy_names
def cummax(input: Tensor, dim: int) -> return_types.cummax:
    """(values, indices) of the largest of the first 1, 2, ... elements along `dim`; of equals the last."""
    return return_types.cummax(*Cummax(one_dim("cummax", dim, array_of("cummax", input).ndim))(input))


@numpy_names
def cummin(input: Tensor, dim: int) -> return_types.cummin:
    """(values, indices) of the smallest of the first 1, 2, ... elements along `dim`; of equals the last."""
    return return_types.cummin(*Cummin(one_dim("cummin", dim, array_of("cummin", input).ndim))(input))


@numpy_names
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log Σ exp(input) over the first 1, 2, ... elements along `dim`, without overflow."""
    array = array_of("logcumsumexp", input)
    if not dtypes.of(array).is_floating_point:
        raise UnsupportedError(f"logcumsumexp: not implemented for {dtypes.of(array)}; convert it: x.float()")
    return Logcumsumexp(one_dim("logcumsumexp", dim, array.ndim))(input)
