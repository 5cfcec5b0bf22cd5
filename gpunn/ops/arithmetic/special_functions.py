"""The error function and its inverse, the logarithm of the gamma function and its derivatives."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.ops.activation.pointwise import Activation
from gpunn.ops.arithmetic import special
from gpunn.ops.arithmetic.promotion import floating

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Erf(Activation):
    file, kernel = "arithmetic/error_function", "erf"

    @staticmethod
    def value(x: Array) -> Array:
        return special.erf(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * (array_module(x).exp(-x * x) * (2 / sqrt(pi)))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return (-x * x).exp() * x * (-4 / sqrt(pi))


class Erfc(Activation):
    file, kernel = "arithmetic/error_function", "erfc"

    @staticmethod
    def value(x: Array) -> Array:
        return special.erfc(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return Erf.pull(-grad, x)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return -Erf.curvature(x)


class Erfinv(Activation):
    """Its derivative is √π/2 exp(y²) at y = erfinv(x)."""

    file, kernel = "arithmetic/error_function", "erfinv"

    @staticmethod
    def value(x: Array) -> Array:
        return special.erfinv(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        y = special.erfinv(x)
        return grad * (array_module(x).exp(y * y) * (sqrt(pi) / 2))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        y = erfinv(x)
        return (y * y * 2).exp() * y * (pi / 2)


class Lgamma(Activation):
    file, kernel = "arithmetic/gamma", "lgamma"

    @staticmethod
    def value(x: Array) -> Array:
        return special.lgamma(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * special.digamma(x)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return polygamma(1, x)


class Digamma(Activation):
    file, kernel = "arithmetic/gamma", "digamma"

    @staticmethod
    def value(x: Array) -> Array:
        return special.digamma(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * special.polygamma(1, x)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return polygamma(2, x)


class Polygamma(Activation):
    """The kernel takes the order, which is at least 1."""

    file, kernel = "arithmetic/gamma", "polygamma"

    @staticmethod
    def value(x: Array, n: int) -> Array:
        return special.polygamma(n, x)

    @staticmethod
    def pull(grad: Array, x: Array, n: int) -> Array:
        return grad * special.polygamma(n + 1, x)

    @staticmethod
    def curvature(x: Tensor, n: int) -> Tensor:
        return polygamma(n + 2, x)


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
    return Digamma()(floating("digamma", input))


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma, elementwise; `n` is at least 0."""
    if n < 0:
        raise ArgumentError(f"polygamma(n, x) does not support negative n, got {n}")
    return digamma(input) if n == 0 else Polygamma(n)(floating("polygamma", input))
