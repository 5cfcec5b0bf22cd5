"""The loss of numbers against targets with a variance: a fused kernel forward with the reduction, one backward."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, is_grad_enabled, no_grad
from gpunn.ops.loss.pointwise import BLOCK, BLOCKS, EACH
from gpunn.ops.loss.totals import total
from gpunn.ops.reduction.accumulate import accumulated, widened
from gpunn.ops.shape.conversion import cast, widened_tensor
from gpunn.ops.shape.expand import sum_to_size

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/gaussian"
CONSTANT: Final = 0.5 * math.log(2 * math.pi)


class GaussianLoss(Function):
    """(log var + (x - t)² / var) / 2, with log(2π)/2 more if `full`, reduced; var >= eps broadcasts to x and t."""

    saves: ClassVar = {0: (0, 1, 2), 1: (0, 1, 2), 2: (0, 1, 2)}

    def __init__(self, full: bool, eps: float, reduction: str) -> None:
        self.constant, self.eps, self.reduction = CONSTANT if full else 0.0, float(eps), reduction

    def forward_numpy(self, x: Array, t: Array, var: Array) -> Array:
        self.scale = 1.0 / x.size if self.reduction == "mean" and x.size else 1.0
        d, variance = widened(x) - widened(t), np.maximum(widened(var), self.eps)
        losses = 0.5 * (np.log(variance) + d * d / variance) + self.constant
        if self.reduction == "none":
            return losses.astype(x.dtype, copy=False)
        result = losses.sum(dtype=np.float64)
        return np.asarray(result / np.float64(x.size) if self.reduction == "mean" else result).astype(x.dtype)

    def forward_cuda(self, x: Array, t: Array, var: Array) -> Array:
        self.scale = 1.0 / x.size if self.reduction == "mean" and x.size else 1.0
        cupy = array_module(x)
        args = (*_arguments(x, t, var), self.eps, self.constant)
        if self.reduction == "none":
            y = cupy.empty(x.shape, x.dtype)
            kernels.launch(FILE, "gaussian_each", x.size, (y, *args))
            return y
        blocks = min(BLOCKS, -(-x.size // (BLOCK * EACH)))
        sums = cupy.empty((2, blocks), np.float64)  # totals know a second row, of weights
        kernels.launch(FILE, "gaussian_sum", blocks * BLOCK, (sums, *args))
        result, _ = total(sums, x.dtype, float(x.size) if self.reduction == "mean" else 1.0)
        return result

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [self.saved(i) for i in range(3)]
        if is_grad_enabled():
            return slopes(self, grad, *inputs)
        each = iter(GaussianBackward(self)(grad, *inputs))
        return tuple([next(each) if needed else None for needed in self.needs])


class GaussianBackward(Function):
    """The gradients of x, t and var, those that are needed. Its own derivative is never asked for: where the graph
    goes on, backward takes `slopes`, of differentiable operations."""

    def __init__(self, of: GaussianLoss) -> None:
        self.of = of

    def forward_numpy(self, *arrays: Array) -> tuple[Array, ...]:
        with no_grad():
            found = slopes(self.of, *[Variable.result_type(array) for array in arrays])
        return tuple([x.array for x in found if x is not None])

    def forward_cuda(self, grad: Array, x: Array, t: Array, var: Array) -> tuple[Array, ...]:
        cupy, of = array_module(x), self.of
        each = of.reduction == "none"
        of_x, of_t, of_var = of.needs
        dx, dt = (cupy.empty(x.shape, x.dtype) if needed else x for needed in (of_x, of_t))
        dvar = cupy.empty(x.shape if of_var else (), np.float64 if x.dtype.itemsize == 8 else np.float32)
        grad = cupy.ascontiguousarray(grad)
        args = (dx, dt, dvar, grad, *_arguments(x, t, var), of.eps, of.scale, each, of_x, of_t, of_var)
        kernels.launch(FILE, "gaussian_backward", x.size, args)
        if of_var:
            axes = _repeating(x.shape, var.shape)
            dvar = (accumulated(dvar, axes) if axes else dvar).reshape(var.shape).astype(var.dtype, copy=False)
        return tuple([out for out, needed in zip((dx, dt, dvar), of.needs, strict=True) if needed])


class AtLeast(Function):
    """max(x, low), of whose gradient `low` knows nothing: it is that of x everywhere."""

    def __init__(self, low: float) -> None:
        self.low = low

    def forward(self, x: Array) -> Array:
        return array_module(x).maximum(x, x.dtype.type(self.low))

    def backward(self, grad: Tensor) -> Tensor:
        return grad


def slopes(of: GaussianLoss, grad: Any, x: Any, t: Any, var: Any) -> tuple[Tensor | None, ...]:
    """The gradients of x, t and var, None where not needed, by differentiable operations, rounded once."""
    dtype = x.dtype
    grad, x, t, wide = (widened_tensor(a) for a in (grad, x, t, var))
    variance = AtLeast(of.eps)(wide)
    factor = grad if of.scale == 1.0 else grad * of.scale
    share = (x - t) / variance
    of_x, of_t, of_var = of.needs
    slope = share * factor
    of_variance = sum_to_size((1 - (x - t) * share) / variance * factor * 0.5, var.array.shape) if of_var else None
    found = (slope if of_x else None, -slope if of_t else None, of_variance)
    return tuple([None if a is None else cast(a, dtype) for a in found])


def _repeating(shape: tuple[int, ...], given: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of `shape` along which an array of shape `given` repeats when it broadcasts."""
    given = (1,) * (len(shape) - len(given)) + given
    return tuple([axis for axis, (n, m) in enumerate(zip(shape, given, strict=True)) if n != m])


def _arguments(x: Array, t: Array, var: Array) -> tuple[Any, ...]:
    """What the kernels take first: the arrays, their size, how often a variance repeats and in what distance."""
    cupy, axes = array_module(x), _repeating(x.shape, var.shape)
    repeats = math.prod([x.shape[axis] for axis in axes])
    inner = math.prod(x.shape[axes[-1] + 1 :]) if axes else 1
    return *[cupy.ascontiguousarray(a) for a in (x, t, var)], x.size, repeats, inner


def gaussian(x: Any, t: Any, var: Any, full: bool, eps: float, reduction: str) -> Tensor:
    """The loss of x and t, of one shape, to which var broadcasts along neighbouring dimensions; all of one dtype."""
    result: Tensor = GaussianLoss(full, eps, reduction)(x, t, var)
    return result
