"""Logic on truth values, and on the bits of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic.elementwise import Elementwise, Unary
from gpunn.ops.arithmetic.promotion import Operand, broadcast_shape, only_tensors, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class LogicalAnd(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a.astype(bool) & b.astype(bool)


class LogicalOr(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a.astype(bool) | b.astype(bool)


class LogicalXor(Elementwise):
    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return a.astype(bool) ^ b.astype(bool)


class LogicalNot(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return x == 0


class BitwiseAnd(Elementwise):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a & b


class BitwiseOr(Elementwise):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a | b


class BitwiseXor(Elementwise):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a ^ b


class BitwiseNot(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return ~x


class LeftShift(Elementwise):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return xp.left_shift(a, b)


class RightShift(Elementwise):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return xp.right_shift(a, b)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both elements are not 0."""
    only_tensors("logical_and", input, other)
    broadcast_shape("logical_and", input, other)
    return LogicalAnd()(input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether one of both elements is not 0."""
    only_tensors("logical_or", input, other)
    broadcast_shape("logical_or", input, other)
    return LogicalOr()(input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one of both elements is not 0."""
    only_tensors("logical_xor", input, other)
    broadcast_shape("logical_xor", input, other)
    return LogicalXor()(input, other)


def logical_not(input: Tensor) -> Tensor:
    """Whether each element is 0."""
    only_tensors("logical_not", input)
    return LogicalNot()(input)


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """input & other, elementwise, of integers or booleans."""
    return BitwiseAnd()(*_integers("bitwise_and", input, other))


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """input | other, elementwise, of integers or booleans."""
    return BitwiseOr()(*_integers("bitwise_or", input, other))


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """input ^ other, elementwise, of integers or booleans."""
    return BitwiseXor()(*_integers("bitwise_xor", input, other))


def bitwise_not(input: Tensor) -> Tensor:
    """~input, elementwise, of integers or booleans."""
    only_tensors("bitwise_not", input)
    if input.array.dtype.kind in "fV":
        raise DtypeError("~ (bitwise_not) is only implemented on integer and Boolean-type tensors")
    return BitwiseNot()(input)


def bitwise_left_shift(input: Operand, other: Operand) -> Tensor:
    """input << other, elementwise, of integers; 0 where all bits are shifted out."""
    return LeftShift()(*_integers("bitwise_left_shift", input, other, are_numbers=True))


def bitwise_right_shift(input: Operand, other: Operand) -> Tensor:
    """input >> other, elementwise, of integers; the sign is kept."""
    return RightShift()(*_integers("bitwise_right_shift", input, other, are_numbers=True))


def _integers(op: str, a: Operand, b: Operand, are_numbers: bool = False) -> tuple[Any, Any]:
    """The operands in their common dtype, which must not be a floating one, nor bool where they are numbers."""
    x, y = promoted(op, a, b)
    first: Any = x if isinstance(x, Variable) else y
    if first.array.dtype.kind in ("fVb" if are_numbers else "fV"):
        wanted = "integers" if are_numbers else "integers and booleans"
        raise DtypeError(f"{op}: not implemented for {first.dtype}, only for {wanted}")
    return x, y
