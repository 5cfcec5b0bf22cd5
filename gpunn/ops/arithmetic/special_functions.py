"""The error function and its inverse, the logarithm of the gamma function and its derivatives."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.errors import ArgumentError
from gpunn.ops.arithmetic import special
from gpunn.ops.arithmetic.elementwise import Unary
from gpunn.ops.arithmetic.promotion import floating

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Erf(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return special.erf(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * ((-x * x).exp() * (2 / sqrt(pi)))


class Erfc(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return special.erfc(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * ((-x * x).exp() * (-2 / sqrt(pi)))


class Erfinv(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return special.erfinv(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output()
        return grad * ((y * y).exp() * (sqrt(pi) / 2))


class Lgamma(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return special.lgamma(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * digamma(self.saved(0))


class Polygamma(Unary):
    saves: ClassVar = {0: (0,)}

    def __init__(self, n: int) -> None:
        self.n = n

    def compute(self, xp: Any, x: Array) -> Array:
        return special.polygamma(self.n, x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * polygamma(self.n + 1, self.saved(0))


def erf(input: Tensor) -> Tensor:
    """2/√π ∫ exp(-t²) dt from 0 to input, elementwise."""
    return Erf()(floating("erf", input))


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), elementwise, precise where erf is near 1."""
    return Erfc()(floating("erfc", input))


def erfinv(input: Tensor) -> Tensor:
    """The inverse of erf, elementwise; ±inf at ±1, NaN outside [-1, 1]."""
    return Erfinv()(floating("erfinv", input))


def lgamma(input: Tensor) -> Tensor:
    """log |Γ(input)|, elementwise; inf at 0, -1, -2, ..."""
    return Lgamma()(floating("lgamma", input))


def digamma(input: Tensor) -> Tensor:
    """The derivative of lgamma, elementwise; -inf at 0, NaN at -1, -2, ..."""
    return polygamma(0, input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma, elementwise; `n` is at least 0."""
    if n < 0:
        raise ArgumentError(f"polygamma(n, x) does not support negative n, got {n}")
    return Polygamma(n)(floating("polygamma" if n else "digamma", input))
