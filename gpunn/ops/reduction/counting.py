"""Logic and counts: all, any, count_nonzero, bincount, histc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ShapeError, UnsupportedError
from gpunn.ops.reduction.arguments import Dims, array_of, numpy_names
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class All(Reduction):
    """Whether no element is 0; uint8 for uint8, else bool."""

    def reduce(self, x: Array) -> Array:
        return (x != 0).all(axis=self.axes, keepdims=self.keepdim).astype(_truth(x))


class Any_(Reduction):  # noqa: N801 - Any is a type
    """Whether an element is not 0; uint8 for uint8, else bool."""

    def reduce(self, x: Array) -> Array:
        return (x != 0).any(axis=self.axes, keepdims=self.keepdim).astype(_truth(x))


class CountNonzero(Reduction):
    """How many elements are not 0."""

    def reduce(self, x: Array) -> Array:
        return (x != 0).sum(axis=self.axes, dtype=np.int64)


class Bincount(Function):
    """How often each number occurs, or the sum of the weights where it does."""

    non_differentiable = (0,)

    def __init__(self, minlength: int) -> None:
        self.minlength = minlength

    def forward(self, x: Array, weights: Array | None) -> Array:
        bincount = array_module(x).bincount
        if weights is None:
            return bincount(x, minlength=self.minlength).astype(np.int64, copy=False)
        result_type = np.float32 if weights.dtype == np.float32 else np.float64
        return bincount(x, weights.astype(np.float64), self.minlength).astype(result_type, copy=False)


class Histc(Function):
    """How many elements fall into each of `bins` equal parts of [low, high]."""

    non_differentiable = (0,)

    def __init__(self, bins: int, low: float, high: float) -> None:
        self.bins, self.low, self.high = bins, low, high

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        value = x.ravel().astype(np.float64)
        inside = (value >= self.low) & (value <= self.high)
        part = xp.floor((value - self.low) * self.bins / (self.high - self.low))
        outside = self.bins  # a part of its own, cut off in the end
        part = xp.where(inside, xp.minimum(part, self.bins - 1), outside).astype(np.int64)
        return xp.bincount(part, minlength=self.bins + 1)[:outside].astype(x.dtype)


def _truth(x: Array) -> Any:
    return x.dtype if x.dtype == np.uint8 else np.bool_


@numpy_names
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether all elements, or all along `dim`, are true: not 0. True where there are none."""
    return All(_dims("all", input, dim), keepdim)(input)


@numpy_names
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether any element, or any along `dim`, is true: not 0. False where there are none."""
    return Any_(_dims("any", input, dim), keepdim)(input)


def _dims(op: str, input: Tensor, dim: Dims) -> tuple[int, ...]:
    """The dimensions that `dim` names; unlike elsewhere () means none, as in PyTorch."""
    rank = array_of(op, input).ndim
    return () if isinstance(dim, Sequence) and not dim else several_dims(op, dim, rank)


@numpy_names
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements, in all or along `dim`, are not 0. NaN is not 0."""
    axes = several_dims("count_nonzero", dim, array_of("count_nonzero", input).ndim)
    return CountNonzero(axes, False)(input)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, ... max(input) occurs, as int64; with `weights`, the sum of them where it does.

    The result has at least `minlength` elements; sums of weights are float32 for float32 weights, else
    float64.
    """
    array = array_of("bincount", input)
    if dtypes.of(array).category != dtypes.INTEGER:
        raise UnsupportedError(f"bincount: not implemented for {dtypes.of(array)}; convert it: x.long()")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength should be >= 0, got {minlength}")
    if array.ndim != 1 or (array.size and bool((array < 0).any())):
        raise ShapeError(
            f"bincount only supports 1-d non-negative integral inputs, got shape {array.shape}"
            + (" with negative elements" if array.ndim == 1 else "")
        )
    if weights is not None and array_of("bincount", weights).shape != array.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input, got shapes "
            f"{weights.array.shape} and {array.shape}"
        )
    return Bincount(minlength)(input, weights)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max], in the dtype of `input`.

    If min equals max, the range is that of the elements. What lies outside, and NaN, is not counted.
    """
    array = array_of("histc", input)
    if not dtypes.of(array).is_floating_point:
        raise UnsupportedError(f"histc: not implemented for {dtypes.of(array)}; convert it: x.float()")
    if bins <= 0:
        raise ArgumentError(f"histc: bins must be > 0, but got {bins}")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise ArgumentError(f"histc: max must be larger than min, got min={low}, max={high}")
    return Histc(int(bins), low, high)(input)
