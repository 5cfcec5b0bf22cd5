"""Comparisons: their results are booleans, without gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes, engine
from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.arithmetic.elementwise import Elementwise, Unary
from gpunn.ops.arithmetic.promotion import NUMBERS, Operand, only_tensors, promoted
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Comparison(Elementwise):
    def forward(self, a: Any, b: Any) -> Array:
        if type(b) in NUMBERS:
            return self.compute(array_module(a), a, _as_held(b, a))
        if type(a) in NUMBERS:
            return self.compute(array_module(b), _as_held(a, b), b)
        return self.compute(array_module(a), a, b)


class Eq(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a == b


class Ne(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a != b


class Lt(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a < b


class Le(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a <= b


class Gt(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a > b


class Ge(Comparison):
    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        return a >= b


class Isnan(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.isnan(x)


class Isinf(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.isinf(x)


class Isfinite(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.isfinite(x)


def eq(input: Tensor, other: Operand) -> Tensor:
    """input == other, elementwise."""
    only_tensors("eq", input)
    return Eq()(*promoted("eq", input, other))


def ne(input: Tensor, other: Operand) -> Tensor:
    """input != other, elementwise."""
    only_tensors("ne", input)
    return Ne()(*promoted("ne", input, other))


def lt(input: Tensor, other: Operand) -> Tensor:
    """input < other, elementwise."""
    only_tensors("lt", input)
    return Lt()(*promoted("lt", input, other))


def le(input: Tensor, other: Operand) -> Tensor:
    """input <= other, elementwise."""
    only_tensors("le", input)
    return Le()(*promoted("le", input, other))


def gt(input: Tensor, other: Operand) -> Tensor:
    """input > other, elementwise."""
    only_tensors("gt", input)
    return Gt()(*promoted("gt", input, other))


def ge(input: Tensor, other: Operand) -> Tensor:
    """input >= other, elementwise."""
    only_tensors("ge", input)
    return Ge()(*promoted("ge", input, other))


def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    only_tensors("isnan", input)
    return Isnan()(input)


def isinf(input: Tensor) -> Tensor:
    """Whether each element is inf or -inf."""
    only_tensors("isinf", input)
    return Isinf()(input)


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither NaN nor infinite."""
    only_tensors("isfinite", input)
    return Isfinite()(input)


def isposinf(input: Tensor) -> Tensor:
    """Whether each element is inf."""
    only_tensors("isposinf", input)
    return Eq()(input, math.inf)


def isneginf(input: Tensor) -> Tensor:
    """Whether each element is -inf."""
    only_tensors("isneginf", input)
    return Eq()(input, -math.inf)


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol |other|, elementwise; equal infinities are close, too.

    With `equal_nan`, NaNs are close to each other. Both tensors must have the same dtype.
    """
    only_tensors("isclose", input, other)
    if input.array.dtype != other.array.dtype:
        raise DtypeError(f"isclose: {input.dtype} did not match {other.dtype}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise ArgumentError(f"isclose: {name} must be greater than or equal to zero, but got {value}")
    with engine.no_grad():
        close = eq(input, other)
        if input.array.dtype.kind not in "fV":
            input, other = (cast(x, dtypes.get_default_dtype()) for x in (input, other))
        elif equal_nan:
            close = close | (isnan(input) & isnan(other))
        difference = (input - other).abs()
        return close | (isfinite(difference) & (difference <= (other * rtol).abs() + atol))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as `isclose` says."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both tensors have the same shape and the same elements."""
    only_tensors("equal", input, other)
    return input.array.shape == other.array.shape and bool(eq(input, other).array.all())


greater = gt
greater_equal = ge
less = lt
less_equal = le
not_equal = ne


def _as_held(number: Any, array: Array) -> Any:
    """`number` as `array` would hold it."""
    return np.float32(array.dtype.type(number)) if is_half(array) else number
