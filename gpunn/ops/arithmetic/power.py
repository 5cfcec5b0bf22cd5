"""Powers and roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from gpunn.ops.arithmetic.elementwise import Elementwise, Unary, masked, zeros_like
from gpunn.ops.arithmetic.exponential import number_log
from gpunn.ops.arithmetic.promotion import Number, Operand, common_dtype, floating, only_tensors, promoted
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class PowNumber(Unary):
    """x ** p for a Python number p; the usual ones by multiplications and roots."""

    wide = True
    saves: ClassVar = {0: (0,)}

    def __init__(self, p: Number) -> None:
        self.p = p

    def compute(self, xp: Any, x: Array) -> Array:
        p = self.p
        if p == 1:
            return x.copy()
        if p in (2, 3):
            return x * x if p == 2 else x * x * x
        if p in (-1, -2):
            return 1 / x if p == -1 else 1 / (x * x)
        if p in (0.5, -0.5):
            return xp.sqrt(x) if p == 0.5 else 1 / xp.sqrt(x)
        return xp.power(x, p)

    def backward(self, grad: Tensor) -> Tensor:
        x, p = self.saved(0), self.p
        if p == 0:
            return zeros_like(grad)
        return grad * ((x if p == 2 else pow(x, p - 1)) * p)


class NumberPow(Unary):
    """base ** x for a Python number base."""

    wide = True
    saves: ClassVar = {0: (0,)}
    saves_output = True

    def __init__(self, base: Number) -> None:
        self.base = base

    def compute(self, xp: Any, x: Array) -> Array:
        return _integer_power(xp, self.base, x) if x.dtype.kind in "iu" else xp.power(self.base, x)

    def backward(self, grad: Tensor) -> Tensor:
        slope = grad * (self.saved_output() * number_log(self.base))
        return slope if self.base != 0 else masked(slope, self.saved(0) < 0)


class Pow(Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}
    saves_output = True

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return _integer_power(xp, a, b) if b.dtype.kind in "iu" else xp.power(a, b)

    def grad_a(self, grad: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        return masked(grad * (b * pow(a, b - 1)), b != 0)

    def grad_b(self, grad: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        return masked(grad * (self.saved_output() * a.log()), (a != 0) | (b < 0))


class Sqrt(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.sqrt(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / (self.saved_output() * 2)


class Rsqrt(Unary):
    wide = True
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return 1 / xp.sqrt(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        return grad * (y * y * y) * -0.5


class Hypot(Elementwise):
    saves: ClassVar = {0: (0,), 1: (1,)}
    saves_output = True

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.hypot(a, b)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad * (self.saved(0) / self.saved_output())

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad * (self.saved(1) / self.saved_output())


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, elementwise; one of the two may be a number.

    An integer tensor to a negative number raises ArgumentError; where a tensor of exponents is negative,
    integer powers are rounded to 0, except for the bases 1 and -1. The gradient at 0 ** 0 is 0.
    """
    if isinstance(input, Variable) and isinstance(exponent, Variable):
        a, b = promoted("pow", input, exponent)
        _refuse_bool(a)
        return Pow()(a, b)
    if isinstance(input, Variable):
        p = _number(exponent)
        return PowNumber(p)(_base(input, p))
    base, b = promoted("pow", input, exponent)
    _refuse_bool(b)
    return NumberPow(base)(b)


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, elementwise, computed and returned in float64."""
    a, b = [cast(x, dtypes.float64) if isinstance(x, Variable) else float(x) for x in (input, exponent)]
    return pow(a, b)


def square(input: Tensor) -> Tensor:
    """input ** 2, elementwise."""
    return pow(input, 2)


def sqrt(input: Tensor) -> Tensor:
    """The square root, elementwise; NaN for negative elements."""
    return Sqrt()(floating("sqrt", input))


def rsqrt(input: Tensor) -> Tensor:
    """1 / √input, elementwise."""
    return Rsqrt()(floating("rsqrt", input))


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """√(input² + other²), elementwise, without overflow in between."""
    only_tensors("hypot", input, other)
    a, b = promoted("hypot", input, other)
    if a.array.dtype.kind not in "fV":
        raise DtypeError(f"hypot: not implemented for {a.dtype}; convert with x.to(gpunn.float32)")
    return Hypot()(a, b)


def _base(x: Tensor, exponent: Number) -> Tensor:
    """The base `x` in the dtype of x ** exponent."""
    target = common_dtype("pow", x, exponent)
    base = cast(x, target)
    _refuse_bool(base)
    if not target.is_floating_point:
        if exponent < 0:
            raise ArgumentError(f"pow: Integers to negative integer powers are not allowed, got {exponent}")
        if exponent > np.iinfo(target.numpy).max:
            raise ArgumentError(f"pow: exponent {exponent} cannot be converted to {target} without overflow")
    return base


def _number(x: Any) -> Number:
    if isinstance(x, (bool, int, float)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    raise ArgumentTypeError(f"pow: expected a Tensor or a number, got {type(x).__name__}")


def _refuse_bool(x: Variable) -> None:
    if x.array.dtype.kind == "b":
        raise DtypeError("pow: not implemented for bool; convert with x.to(gpunn.int64)")


def _integer_power(xp: Any, a: Any, b: Array) -> Array:
    """a ** b of integers. Negative powers round to 0, but for 1 and -1, which are their own reciprocals."""
    negative = b < 0
    power = xp.power(a, xp.where(negative, -b, b))
    return power * ~(negative & (abs(a) != 1))
