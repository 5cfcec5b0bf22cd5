"""Softmax and its logarithm, stable for inputs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Function
from gpunn.errors import DtypeError
from gpunn.ops.reduction.sums import sum as sum_of
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def widened(x: Array) -> Array:
    """Half-precision values as float32, others as they are."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def softmax_array(x: Array, axis: int) -> Array:
    """exp(x - max) / sum, along `axis`, in at least float32."""
    xp = array_module(x)
    e = widened(x)
    e = e - _largest(xp, e, axis)
    xp.exp(e, out=e)
    e /= e.sum(axis=axis, keepdims=True)
    return e


def log_softmax_array(x: Array, axis: int) -> Array:
    """x - max - log(sum(exp(x - max))), along `axis`, in at least float32."""
    xp = array_module(x)
    z = widened(x)
    z = z - _largest(xp, z, axis)
    z -= xp.log(xp.exp(z).sum(axis=axis, keepdims=True))
    return z


def _largest(xp: Any, x: Array, axis: int) -> Array:
    """The maximum along `axis`, which keeps length 1; of nothing it is 0."""
    return x.max(axis=axis, keepdims=True) if x.shape[axis] else xp.zeros((1,), x.dtype)


class Softmax(Function):
    saves_output = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        if x.ndim == 0:
            return array_module(x).ones_like(x) * (x == x)
        return softmax_array(x, self.axis).astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        weighted = grad * y
        return weighted - y * sum_of(weighted, self.axis, True)


class LogSoftmax(Function):
    saves_output = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        if x.ndim == 0:
            return x - x
        return log_softmax_array(x, self.axis).astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        return grad - y.exp() * sum_of(grad, self.axis, True)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`, so that the values are positive and add up to 1.

    `dtype` casts the input first. Without `dim` it is 0 for 0-d, 1-d and 3-d inputs, else 1, as in PyTorch.
    """
    x, axis = _prepared("softmax", input, dim, dtype)
    result: Tensor = Softmax(axis)(x)
    return result


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None
) -> Tensor:
    """log(softmax(input)) along `dim`, without the loss of digits that taking the logarithm afterwards has."""
    x, axis = _prepared("log_softmax", input, dim, dtype)
    result: Tensor = LogSoftmax(axis)(x)
    return result


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """softmax(-input) along `dim`."""
    return softmax(-input, dim, dtype=dtype)


def _prepared(op: str, x: Tensor, dim: int | None, to: dtype | None) -> tuple[Tensor, int]:
    rank = x.array.ndim
    if dim is None:
        dim = 0 if rank in (0, 1, 3) else 1
    axis = one_dim(op, dim, rank)
    x = x if to is None else cast(x, dtypes.as_dtype(to))
    if not dtypes.of(x.array).is_floating_point:
        raise DtypeError(f"{op}: not implemented for {x.dtype}; pass dtype=gpunn.float32 or use x.float()")
    return x, axis
