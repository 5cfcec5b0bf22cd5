"""Sums, products and quotients. Operands broadcast and are promoted to a common dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.backend import Array
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic.promotion import Binary, Number, Operand, common_dtype, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Add(Binary):
    def compute(self, a: Array, b: Array) -> Array:
        return a + b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad


class Mul(Binary):
    saves = {0: (1,), 1: (0,)}

    def compute(self, a: Array, b: Array) -> Array:
        return a * b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad * self.saved(1)

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0)


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other, elementwise."""
    if alpha != 1:
        _check_alpha("add", alpha, input, other)
        other = mul(other, alpha)
    a, b = promoted("add", input, other)
    return Add()(a, b)


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other, elementwise."""
    a, b = promoted("mul", input, other)
    return Mul()(a, b)


def _check_alpha(op: str, alpha: Number, *operands: Operand) -> None:
    if isinstance(alpha, float) and not common_dtype(op, *operands).is_floating_point:
        raise DtypeError(f"{op}: For integral input tensors, argument alpha must not be a floating point number")
