"""Sines and their relatives; angles are in radians."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.ops.arithmetic.binary import mul
from gpunn.ops.arithmetic.elementwise import Elementwise, RoundedOnce, Unary, masked
from gpunn.ops.arithmetic.promotion import floating, only_tensors, promoted

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Sin(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.sin(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0).cos()


class Cos(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.cos(x)

    def backward(self, grad: Tensor) -> Tensor:
        return -grad * self.saved(0).sin()


class Tan(RoundedOnce, Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.tan(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        return grad * (y * y + 1)


class Asin(RoundedOnce, Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arcsin(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * (1 - x * x).rsqrt()


class Acos(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arccos(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return -grad * (1 - x * x).rsqrt()


class Atan(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arctan(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad / (x * x + 1)


class Atan2(RoundedOnce, Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        return xp.arctan2(a, b)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad * (self.saved(1) * self._inverse())

    def grad_b(self, grad: Tensor) -> Tensor:
        return -grad * (self.saved(0) * self._inverse())

    def _inverse(self) -> Tensor:
        """1 / (a² + b²), and 0 in the origin."""
        square: Tensor = self.saved(0) * self.saved(0) + self.saved(1) * self.saved(1)
        return masked(square.reciprocal(), square != 0)


class Sinc(Unary):
    wide = True
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        whole = xp.rint(x)
        sine = xp.sin((x - whole) * pi)  # the difference is exact: near a zero, no digit is lost to that of x π
        return xp.where(x == 0, 1, xp.where(xp.fmod(whole, 2) == 0, sine, -sine) / (x * pi))

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        angle = x * pi
        slope = (angle * angle.cos() - angle.sin()) / (angle * x)
        return grad * masked(slope, x != 0)


def sin(input: Tensor) -> Tensor:
    """The sine, elementwise."""
    return Sin()(floating("sin", input))


def cos(input: Tensor) -> Tensor:
    """The cosine, elementwise."""
    return Cos()(floating("cos", input))


def tan(input: Tensor) -> Tensor:
    """The tangent, elementwise."""
    return Tan()(floating("tan", input))


def asin(input: Tensor) -> Tensor:
    """The angle in [-π/2, π/2] whose sine is input, elementwise; NaN outside [-1, 1]."""
    return Asin()(floating("asin", input))


def acos(input: Tensor) -> Tensor:
    """The angle in [0, π] whose cosine is input, elementwise; NaN outside [-1, 1]."""
    return Acos()(floating("acos", input))


def atan(input: Tensor) -> Tensor:
    """The angle in (-π/2, π/2) whose tangent is input, elementwise."""
    return Atan()(floating("atan", input))


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle in [-π, π] of the point x = other, y = input, elementwise. Its gradient in (0, 0) is 0."""
    only_tensors("atan2", input, other)
    a, b = promoted("atan2", input, other, to_float=True)
    return Atan2()(a, b)


def sinc(input: Tensor) -> Tensor:
    """sin(π input) / (π input), elementwise; 1 at 0."""
    return Sinc()(floating("sinc", input))


def deg2rad(input: Tensor) -> Tensor:
    """The angle in radians, elementwise, from degrees."""
    return mul(floating("deg2rad", input), pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """The angle in degrees, elementwise, from radians."""
    return mul(floating("rad2deg", input), 180 / pi)


arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
