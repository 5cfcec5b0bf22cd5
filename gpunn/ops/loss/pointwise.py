"""Losses of each number against its target: one fused kernel forward with the reduction, one backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import backend, dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, is_grad_enabled, no_grad
from gpunn.kernels import vector_threads
from gpunn.kernels.elementwise import memory_order
from gpunn.ops.loss.formulas import Formula
from gpunn.ops.loss.totals import total
from gpunn.ops.reduction.accumulate import line_dots, widened
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/pointwise"
BLOCK: Final = 256
BLOCKS: Final = 1024  # at most, where all losses are added up
PIECE: Final = 1 << 16  # elements at a time on the CPU: what formulas make of them stays in its cache
EACH: Final = 16  # elements for a thread, or more


class PointwiseLoss(Function):
    """weight · formula(x, t), reduced. The weights, one of them of positive targets, broadcast and have no gradient."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1), 2: (0, 1), 3: (0, 1)}

    def __init__(self, formula: Formula, reduction: str) -> None:
        self.formula, self.reduction = formula, reduction

    def forward_numpy(self, x: Array, t: Array, weight: Array | None, positive: Array | None) -> Array:
        self.scale = 1.0 / x.size if self.reduction == "mean" and x.size else 1.0
        if self.reduction == "none":
            return self._losses(x, t, weight, positive).astype(x.dtype, copy=False)
        result = np.zeros((), np.float64)
        if weight is None and positive is None:
            for part, target in backend.cache_pieces(x, t, size=PIECE):
                result = result + line_dots(self._losses(part, target, None, None).reshape(-1))
        else:
            result = self._losses(x, t, weight, positive).sum(dtype=np.float64)
        return (result / np.float64(x.size) if self.reduction == "mean" else result).astype(x.dtype)

    def _losses(self, x: Array, t: Array, weight: Array | None, positive: Array | None) -> Array:
        losses = self.formula.value(widened(x), widened(t), None if positive is None else widened(positive))
        return losses if weight is None else losses * widened(weight)

    def forward_cuda(self, x: Array, t: Array, weight: Array | None, positive: Array | None) -> Array:
        self.scale = 1.0 / x.size if self.reduction == "mean" and x.size else 1.0
        cupy, given = array_module(x), _Arguments(self.formula, x, t, weight, positive)
        if self.reduction == "none":
            y = cupy.empty(given.x.shape, x.dtype)
            kernels.launch(FILE, "pointwise_each", vector_threads(x), (y, *given.arguments), given.constants)
            return given.back(y)
        blocks = min(BLOCKS, -(-x.size // (BLOCK * EACH)))
        sums = cupy.empty((2, blocks), np.float64)  # totals know a second row, of weights
        kernels.launch(FILE, "pointwise_sum", blocks * BLOCK, (sums, *given.arguments), given.constants)
        result, _ = total(sums, x.dtype, float(x.size) if self.reduction == "mean" else 1.0)
        return result

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        needs, inputs = self.needs[:2], [self.saved(i) for i in range(4)]
        if is_grad_enabled():
            return (*slopes(self.formula, needs, self.scale, grad, *inputs), None, None)
        found = PointwiseBackward(self.formula, needs, self.scale, self.reduction == "none")(grad, *inputs)
        each = iter(found)
        return (*[next(each) if needed else None for needed in needs], None, None)


class PointwiseBackward(Function):
    """The slopes of x and t, those that are needed, times grad, weight and scale. Its own derivative is never asked
    for: where the graph goes on, backward takes `slopes`, of differentiable operations."""

    def __init__(self, formula: Formula, needed: tuple[bool, ...], scale: float, each: bool) -> None:
        self.formula, self.needed, self.scale, self.each = formula, needed, scale, each

    def forward_numpy(self, grad: Array, *inputs: Array | None) -> tuple[Array, ...]:
        given = [None if a is None else Variable.result_type(a) for a in (grad, *inputs)]
        with no_grad():
            found = slopes(self.formula, self.needed, self.scale, *given)
        return tuple([x.array for x in found if x is not None])

    def forward_cuda(self, grad: Array, *inputs: Array) -> tuple[Array, ...]:
        given = _Arguments(self.formula, *inputs)
        cupy, x = array_module(grad), given.x
        outs = [cupy.empty(x.shape, x.dtype) if needed else x for needed in self.needed]
        grad = given.turned(grad) if self.each else grad
        numbers = (self.scale, self.each, *self.needed)
        args = (*outs, grad, *given.arguments, *numbers)
        kernels.launch(FILE, "pointwise_backward", vector_threads(x), args, given.constants)
        return tuple([given.back(out) for out, needed in zip(outs, self.needed, strict=True) if needed])


def slopes(
    formula: Formula, needed: tuple[bool, ...], scale: float, grad: Any, x: Any, t: Any, weight: Any, positive: Any
) -> tuple[Any, ...]:
    """The gradients of x and t, None where not needed, by differentiable operations, rounded once."""
    dtype = x.dtype
    if dtype.itemsize == 2:
        wide = [None if a is None else cast(a, dtypes.float32) for a in (grad, x, t, weight, positive)]
        grad, x, t, weight, positive = wide
    factor = grad if scale == 1.0 else grad * scale
    factor = factor if weight is None else factor * weight
    derivatives = (formula.dx, formula.dt)
    return tuple(
        [
            cast(derivative(x, t, positive) * factor, dtype) if is_needed else None
            for derivative, is_needed in zip(derivatives, needed, strict=True)
        ]
    )


class _Arguments:
    """What the kernels take: x and t in the memory order of x, the weights as numbers that repeat, the formula, which
    has its name there."""

    def __init__(
        self, formula: Formula, x: Array, t: Array, weight: Array | None = None, positive: Array | None = None
    ) -> None:
        self.order = None if x.flags.c_contiguous else memory_order(x)
        self.x = self.turned(x)
        weights = [self._repeated(w, x) for w in (weight, positive)]
        sizes = [0 if w is None else w.size for w in (weight, positive)]
        sizes = [0 if size == 0 else w.size for w, size in zip(weights, sizes, strict=True)]
        self.arguments = (self.x, self.turned(t), *weights, x.size, *sizes, formula.a, formula.b, formula.c)
        self.constants = {"LOSS": type(formula).__name__}

    def turned(self, array: Array) -> Array:
        """`array`, of the shape of x, in its memory order."""
        turned = array if self.order is None else array.transpose(self.order)
        if turned.flags.c_contiguous:  # ascontiguousarray would give an array of no dimensions one
            return turned
        return array_module(array).ascontiguousarray(turned)

    def back(self, array: Array) -> Array:
        """A result in memory order, as a view of the shape of x."""
        if self.order is None:
            return array
        return array.transpose(sorted(range(array.ndim), key=self.order.__getitem__))

    def _repeated(self, weight: Array | None, x: Array) -> Array:
        """The elements of `weight` from the first to where it repeats; any array where there is none."""
        if weight is None:
            return self.x
        cupy = array_module(x)
        shape = weight.shape
        while shape and shape[0] == 1:
            shape = shape[1:]
        if not shape or (self.order is None and shape == x.shape[x.ndim - len(shape) :]):
            return cupy.ascontiguousarray(weight)
        return self.turned(cupy.broadcast_to(weight, x.shape))


def pointwise(formula: Formula, x: Any, t: Any, reduction: str, weight: Any = None, positive: Any = None) -> Tensor:
    """weight · formula(x, t), reduced; x and t have one shape and floating dtype, to which the weights broadcast."""
    result: Tensor = PointwiseLoss(formula, reduction)(x, t, weight, positive)
    return result
