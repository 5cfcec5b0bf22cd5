"""Sums, differences and products. Operands broadcast and are promoted to a common dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic.elementwise import Elementwise
from gpunn.ops.arithmetic.promotion import Number, Operand, common_dtype, number_as, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Add(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a + b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad


class AddScaled(Elementwise):
    """a + alpha b."""

    wide = True

    def __init__(self, alpha: Number) -> None:
        self.alpha = alpha

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a + self.alpha * b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad * self.alpha


class Sub(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a - b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return -grad


class Mul(Elementwise):
    saves: ClassVar = {0: (1,), 1: (0,)}

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a * b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad * self.saved(1)

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0)


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other, elementwise. For booleans: logical or."""
    if type(alpha) is not int or alpha != 1:
        return _add_scaled("add", input, other, alpha, 1)
    a, b = promoted("add", input, other)
    return Add()(a, b)


def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input - alpha * other, elementwise. Booleans raise DtypeError."""
    if _is_bool(input) or _is_bool(other):
        raise DtypeError(
            "sub: Subtraction, the `-` operator, with a bool tensor is not supported. Use the `^` or "
            "`logical_xor()` operator for two bool tensors, `~` or `logical_not()` to invert a mask."
        )
    if type(alpha) is not int or alpha != 1:
        return _add_scaled("sub", input, other, alpha, -1)
    a, b = promoted("sub", input, other)
    return Sub()(a, b)


def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """other - alpha * input, elementwise."""
    return sub(other, input, alpha=alpha)


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other, elementwise. For booleans: logical and."""
    a, b = promoted("mul", input, other)
    return Mul()(a, b)


subtract = sub
multiply = mul


def _add_scaled(op: str, input: Operand, other: Operand, alpha: Number, sign: int) -> Tensor:
    target = common_dtype(op, input, other)
    _check_alpha(op, alpha, target)
    a, b = promoted(op, input, other)
    factor = sign * number_as(alpha, target)
    if isinstance(b, Variable):
        return AddScaled(number_as(factor, target))(a, b)
    return Add()(a, number_as(factor * b, target))


def _check_alpha(op: str, alpha: Number, target: dtype) -> None:
    if isinstance(alpha, bool) and target is not dtypes.bool_:
        raise DtypeError(f"{op}: Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and not target.is_floating_point:
        raise DtypeError(f"{op}: For integral input tensors, argument alpha must not be a floating point number")


def _is_bool(x: object) -> bool:
    return x.array.dtype.kind == "b" if isinstance(x, Variable) else isinstance(x, bool)
