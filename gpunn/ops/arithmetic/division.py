"""Quotients and remainders. Integers divide to floats, unless the quotient is rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.arithmetic.elementwise import Elementwise, Unary, zeros_like
from gpunn.ops.arithmetic.fused import Fused
from gpunn.ops.arithmetic.promotion import NUMBERS, Operand, floating, only_tensors, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Div(Fused):
    saves: ClassVar = {0: (1,), 1: (0, 1)}
    operation = "Quotient"

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a / b

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad / self.saved(1)

    def grad_b(self, grad: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        return -grad * ((a / b) / b)


class Rounded(Elementwise):
    """A division that stays in its dtype. On the CPU, integers are not divided by 0."""

    wide = True

    def forward_numpy(self, a: Any, b: Any) -> Array:
        first = b if type(a) in NUMBERS else a
        is_empty = any(x.size == 0 for x in (a, b) if type(x) not in NUMBERS)
        if first.dtype.kind in "iu" and not is_empty and not (b if type(b) in NUMBERS else b.all()):
            raise ArgumentError(f"{self.op_name}: ZeroDivisionError: integers divided by 0")
        return self.forward(a, b)


class TruncDiv(Rounded):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        if (a - b).dtype.kind == "f":
            return xp.trunc(a / b)
        return (a - xp.fmod(a, b)) // b

    def grad_a(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)

    grad_b = grad_a


class FloorDiv(Rounded):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        mod = xp.fmod(a, b)
        if mod.dtype.kind != "f":
            return a // b
        quotient = a / b
        whole = xp.rint((a - mod) / b - _signs_differ(mod, b))
        return xp.where((b == 0) | (quotient != quotient), quotient, xp.copysign(whole, quotient))

    def grad_a(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)

    grad_b = grad_a


class Fmod(Rounded):
    saves: ClassVar = {0: (1,), 1: (1,)}

    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return xp.fmod(a, b)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return -grad * div(self.saved(0), self.saved(1), rounding_mode="trunc")


class Remainder(Rounded):
    saves: ClassVar = {0: (1,), 1: (1,)}

    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        mod = xp.fmod(a, b)
        return xp.where(_signs_differ(mod, b), mod + b, mod)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad

    def grad_b(self, grad: Tensor) -> Tensor:
        return -grad * floor_divide(self.saved(0), self.saved(1))


class Reciprocal(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.reciprocal(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        return -grad * (y * y)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, elementwise.

    `rounding_mode`: None divides truly, and integers become the default float type; "trunc" rounds towards
    zero as C, "floor" down as Python, both in the common dtype. On the CPU, integers divided by 0 raise
    ArgumentError.
    """
    if rounding_mode is None:
        a, b = promoted("div", input, other, to_float=True)
        return Div()(a, b)
    if rounding_mode == "trunc":
        return TruncDiv()(*_numeric("div", input, other))
    if rounding_mode == "floor":
        return floor_divide(input, other)
    raise ArgumentError(
        f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
    )


def true_divide(input: Operand, other: Operand) -> Tensor:
    """input / other, elementwise; integers become the default float type."""
    return div(input, other)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """⌊input / other⌋, elementwise, in the common dtype: Python's `//`. Its gradient is 0."""
    return FloorDiv()(*_numeric("floor_divide", input, other))


def remainder(input: Operand, other: Operand) -> Tensor:
    """input - other * ⌊input / other⌋, elementwise, with the sign of `other`: Python's `%`."""
    return Remainder()(*_numeric("remainder", input, other))


def fmod(input: Tensor, other: Operand) -> Tensor:
    """input - other * trunc(input / other), elementwise, with the sign of `input`: C's fmod."""
    only_tensors("fmod", input)
    return Fmod()(*_numeric("fmod", input, other))


def reciprocal(input: Tensor) -> Tensor:
    """1 / input, elementwise."""
    return Reciprocal()(floating("reciprocal", input))


divide = div


def _numeric(op: str, a: Operand, b: Operand) -> tuple[Any, Any]:
    """The operands in their common dtype, which must not be bool."""
    x, y = promoted(op, a, b)
    if (y if type(x) in NUMBERS else x).array.dtype.kind == "b":
        raise DtypeError(f"{op}: not implemented for bool; convert with x.to(gpunn.int64)")
    return x, y


def _signs_differ(mod: Array, b: Any) -> Array:
    """Where C's remainder `mod` has another sign than the divisor."""
    return (mod != 0) & ((mod < 0) != (b < 0))
