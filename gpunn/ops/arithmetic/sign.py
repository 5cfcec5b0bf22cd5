"""Signs: negation, absolute value and what else depends on the sign alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.errors import DtypeError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import Elementwise, Unary, masked, zeros_like
from gpunn.ops.arithmetic.promotion import Operand, only_tensors, promoted
from gpunn.ops.shape.conversion import clone

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SLOPES: Final = "arithmetic/slopes"


class Neg(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return -x

    def backward(self, grad: Tensor) -> Tensor:
        return -grad


class Abs(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.abs(x)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = AbsBackward()(grad, self.saved(0))
        return result


class AbsBackward(Function):
    """grad times the sign of x."""

    saves: ClassVar = {1: (0,)}

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        return grad * ((x > 0).astype(x.dtype) - (x < 0).astype(x.dtype))

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return elementwise.apply(SLOPES, "abs_backward", (grad, x))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        to_grad = AbsBackward()(grad, self.saved(1)) if self.needs[0] else None
        return to_grad, zeros_like(grad) if self.needs[1] else None


class Sign(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply(SLOPES, "sign_forward", (x,)) if x.dtype.kind in "fV" else self.forward(x)

    def backward(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)


class Signbit(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.signbit(x) if x.dtype.kind in "fV" else x < 0


class Copysign(Elementwise):
    saves: ClassVar = {0: (0,)}
    saves_output = True

    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return xp.copysign(a, b)

    def grad_a(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * masked(self.saved_output() / x, x != 0)

    def grad_b(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)


class Heaviside(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.where(a == 0, b, (a > 0).astype(b.dtype)).astype(b.dtype, copy=False)


def neg(input: Tensor) -> Tensor:
    """-input, elementwise. Booleans raise DtypeError."""
    only_tensors("neg", input)
    if input.array.dtype.kind == "b":
        raise DtypeError(
            "neg: Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
            "a mask, use the `~` or `logical_not()` operator instead."
        )
    return Neg()(input)


def positive(input: Tensor) -> Tensor:
    """`input` itself. Booleans raise DtypeError."""
    only_tensors("positive", input)
    if input.array.dtype.kind == "b":
        raise DtypeError("positive: The `+` operator, on a bool tensor is not supported.")
    return input


def abs(input: Tensor) -> Tensor:
    """|input|, elementwise. The gradient at 0 is 0."""
    only_tensors("abs", input)
    if input.array.dtype.kind == "b":
        raise DtypeError("abs: not implemented for bool")
    return Abs()(input)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, elementwise; 0 for NaN."""
    only_tensors("sign", input)
    if input.array.dtype.kind == "b":
        return clone(input)
    return Sign()(input)


def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set, elementwise: for negative numbers and -0.0."""
    only_tensors("signbit", input)
    return Signbit()(input)


def copysign(input: Tensor, other: Operand) -> Tensor:
    """|input| with the sign of `other`, elementwise."""
    only_tensors("copysign", input)
    a, b = promoted("copysign", input, other, to_float=True)
    return Copysign()(a, b)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where input < 0 or NaN, `values` where it is 0, 1 where it is positive. Has no derivative."""
    only_tensors("heaviside", input, values)
    if input.array.dtype != values.array.dtype:
        raise DtypeError(
            "heaviside is not yet implemented for tensors with different dtypes, "
            f"got {input.array.dtype} and {values.array.dtype}"
        )
    a, b = promoted("heaviside", input, values)
    return Heaviside()(a, b)


absolute = abs
negative = neg
sgn = sign
