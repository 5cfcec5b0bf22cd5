"""Limits: clamp, and the larger and the smaller of two tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import Elementwise, at_least, at_most, masked, masked_array, zeros_like
from gpunn.ops.arithmetic.fused import Fused
from gpunn.ops.arithmetic.promotion import NUMBERS, Operand, common_dtype, only_tensors, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ClampMin(Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, x: Array, low: Any) -> Array:
        return at_least(x, low) if type(low) in NUMBERS else xp.maximum(x, low)

    def grad_a(self, grad: Tensor) -> Tensor:
        return within(grad, self.saved(0), self.saved(1), math.inf)

    def grad_b(self, grad: Tensor) -> Tensor:
        return masked(grad, self.saved(0) < self.saved(1))


class ClampMax(Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, x: Array, high: Any) -> Array:
        return at_most(x, high) if type(high) in NUMBERS else xp.minimum(x, high)

    def grad_a(self, grad: Tensor) -> Tensor:
        return within(grad, self.saved(0), -math.inf, self.saved(1))

    def grad_b(self, grad: Tensor) -> Tensor:
        return masked(grad, self.saved(0) > self.saved(1))


class Clamp(Elementwise):
    """Between both limits; where they cross, the upper one wins."""

    saves: ClassVar = {0: (0, 1, 2), 1: (0, 1, 2), 2: (0, 1, 2)}

    def compute(self, xp: Any, x: Array, low: Any, high: Any) -> Array:
        if type(low) in NUMBERS and type(high) in NUMBERS:
            return at_most(at_least(x, low), high)
        return xp.minimum(xp.maximum(x, low), high)

    def grad_a(self, grad: Tensor) -> Tensor:
        return within(grad, self.saved(0), self.saved(1), self.saved(2))

    def grad_b(self, grad: Tensor) -> Tensor:
        low = self.saved(1)
        return masked(grad, (low > self.saved(0)) & (low < self.saved(2)))

    def grad_c(self, grad: Tensor) -> Tensor:
        high = self.saved(2)
        return masked(grad, (high < self.saved(0)) | (high < self.saved(1)))


class Within(Function):
    """grad where x is between two numbers, else 0."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = float(low), float(high)

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        return masked_array(grad, (x >= x.dtype.type(self.low)) & (x <= x.dtype.type(self.high)))

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return elementwise.apply("arithmetic/slopes", "clamp_backward", (grad, x), (self.low, self.high))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        to_grad = Within(self.low, self.high)(grad, self.saved(1)) if self.needs[0] else None
        return to_grad, zeros_like(grad) if self.needs[1] else None


def within(grad: Tensor, x: Tensor, low: Any, high: Any) -> Tensor:
    """`grad` where low <= x <= high, else 0; the limits are numbers or tensors."""
    if type(low) in NUMBERS and type(high) in NUMBERS:
        result: Tensor = Within(low, high)(grad, x)
        return result
    return masked(grad, (x >= low) & (x <= high))


class Extremum(Fused):
    """The larger or the smaller operand. Equal ones share the gradient; with a NaN, both get all of it."""

    def grad_a(self, grad: Tensor) -> Tensor:
        return self._share(grad, self.saved(0), self.saved(1))

    def grad_b(self, grad: Tensor) -> Tensor:
        return self._share(grad, self.saved(1), self.saved(0))

    def _share(self, grad: Tensor, mine: Tensor, other: Tensor) -> Tensor:
        lost = mine < other if type(self) is Maximum else mine > other
        return masked(grad * (1 - 0.5 * (mine == other).to(grad.dtype)), ~lost)


class Maximum(Extremum):
    operation = "Larger"

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.maximum(a, b)


class Minimum(Extremum):
    operation = "Smaller"

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.minimum(a, b)


class Fmax(Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.fmax(a, b)

    def first_wins(self) -> Tensor:
        """Where the result is the first operand."""
        a, b = self.saved(0), self.saved(1)
        return (a >= b) | (b != b)

    def grad_a(self, grad: Tensor) -> Tensor:
        return masked(grad, self.first_wins())

    def grad_b(self, grad: Tensor) -> Tensor:
        return masked(grad, ~self.first_wins())


class Fmin(Fmax):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.fmin(a, b)

    def first_wins(self) -> Tensor:
        """Where the result is the first operand."""
        a, b = self.saved(0), self.saved(1)
        return (a <= b) | (b != b)


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """min(max(input, min), max), elementwise; the limits are numbers or tensors that broadcast.

    NaN stays NaN. The gradient flows where min <= input <= max, else to the limit that was taken.
    """
    if min is not None and max is not None:
        return Clamp()(*_limited("clamp", input, min, max))
    if min is not None:
        return clamp_min(input, min)
    if max is not None:
        return clamp_max(input, max)
    raise ArgumentError("clamp: At least one of 'min' or 'max' must not be None")


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """The larger of input and `min`, elementwise."""
    return ClampMin()(*_limited("clamp_min", input, min))


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """The smaller of input and `max`, elementwise."""
    return ClampMax()(*_limited("clamp_max", input, max))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two tensors, elementwise; NaN if one is NaN. Equal elements share the gradient."""
    only_tensors("maximum", input, other)
    return Maximum()(*promoted("maximum", input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two tensors, elementwise; NaN if one is NaN. Equal elements share the gradient."""
    only_tensors("minimum", input, other)
    return Minimum()(*promoted("minimum", input, other))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two tensors, elementwise; a NaN loses against a number."""
    only_tensors("fmax", input, other)
    return Fmax()(*promoted("fmax", input, other))


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two tensors, elementwise; a NaN loses against a number."""
    only_tensors("fmin", input, other)
    return Fmin()(*promoted("fmin", input, other))


clip = clamp


def _limited(op: str, *operands: Any) -> tuple[Any, ...]:
    """The tensor and its limits in their common dtype, which must hold those that are numbers."""
    only_tensors(op, operands[0])
    if operands[0].array.dtype.kind in "iu":
        target = common_dtype(op, *operands)
        if not target.is_floating_point:
            info = np.iinfo(target.numpy)
            for limit in operands[1:]:
                if not isinstance(limit, Variable) and not info.min <= limit <= info.max:
                    raise ArgumentError(f"{op}: {limit} cannot be converted to {target} without overflow")
    return promoted(op, *operands)
