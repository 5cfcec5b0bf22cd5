"""Activations that bend like an exponential: elu and its variants, softplus, logsigmoid, softsign, tanhshrink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.ops.activation.pointwise import Activation, activated, not_bool, number
from gpunn.ops.arithmetic.elementwise import at_most, masked
from gpunn.ops.arithmetic.promotion import floating
from gpunn.ops.inplace import in_place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

# So that the mean 0 and the variance 1 of many layers stay. Source: Klambauer et al., Self-normalizing neural
# networks, NIPS 2017.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class Exponential(Activation):
    file = "activation/exponential"


class ELU(Exponential):
    """x > 0: scale · x; else alpha · (exp(rate · x) - 1). elu, selu and celu are of this form."""

    kernel = "elu"

    @staticmethod
    def value(x: Array, alpha: float, scale: float, rate: float) -> Array:
        xp = array_module(x)
        return xp.where(x > 0, x * scale, alpha * xp.expm1(at_most(x, 0) * rate))

    @staticmethod
    def pull(grad: Array, x: Array, alpha: float, scale: float, rate: float) -> Array:
        xp = array_module(x)
        return grad * xp.where(x > 0, scale, alpha * rate * xp.exp(at_most(x, 0) * rate))

    @staticmethod
    def curvature(x: Tensor, alpha: float, scale: float, rate: float) -> Tensor:
        return masked((x * rate).exp() * (alpha * rate * rate), x <= 0)


class Softplus(Exponential):
    kernel = "softplus"

    @staticmethod
    def value(x: Array, beta: float, limit: float) -> Array:
        xp = array_module(x)
        z = x.astype(np.float64) * beta  # exp needs all its digits
        return xp.where(x * beta > limit, x, xp.log1p(xp.exp(z)) / beta)

    @staticmethod
    def pull(grad: Array, x: Array, beta: float, limit: float) -> Array:
        xp, z = array_module(x), x * beta
        return xp.where(z > limit, grad, grad / (1 + xp.exp(-z)))

    @staticmethod
    def curvature(x: Tensor, beta: float, limit: float) -> Tensor:
        s = (x * beta).sigmoid()
        return masked(s * (1 - s) * beta, x * beta <= limit)


class LogSigmoid(Exponential):
    kernel = "logsigmoid"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        return at_most(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad / (1 + array_module(x).exp(x))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        s = x.sigmoid()
        return s * (s - 1)


class Softsign(Exponential):
    kernel = "softsign"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        x = xp.clip(x, -1e30, 1e30)  # ±1 at ±∞
        return x / (1 + xp.abs(x))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        scale = 1 + array_module(x).abs(x)
        return grad / scale / scale

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return x.sign() * -2 / (1 + x.abs()).pow(3)


class Tanhshrink(Exponential):
    kernel = "tanhshrink"

    @staticmethod
    def value(x: Array) -> Array:
        """Beside 0, where it cancels, by Lambert's continued fraction tanh x = x / (1 + x²/(3 + x²/(5 + …)))."""
        xp, square = array_module(x), x * x
        rest = square + 21
        for odd in range(19, 1, -2):
            rest = odd + square / rest
        return xp.where(xp.abs(x) < 1.5, x * (square / (rest + square)), x - xp.tanh(x))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        y = array_module(x).tanh(x)
        return grad * y * y

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        y = x.tanh()
        return 2 * y * (1 - y * y)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha · (exp(input) - 1), elementwise. Source: Clevert et al., ICLR 2016."""
    if inplace:
        return elu_(input, alpha)
    return activated("elu", ELU(number("elu", "alpha", alpha), 1.0, 1.0), input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507… · elu(input, 1.6733…), elementwise. Source: Klambauer et al., NIPS 2017."""
    if inplace:
        return selu_(input)
    return activated("selu", ELU(SELU_ALPHA * SELU_SCALE, SELU_SCALE, 1.0), input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha · (exp(input / alpha) - 1), elementwise. Source: Barron 2017."""
    if inplace:
        return celu_(input, alpha)
    width = number("celu", "alpha", alpha)
    if width == 0:
        raise ArgumentError("celu: ZeroDivisionError: alpha cannot be 0 for CELU")
    return activated("celu", ELU(width, 1.0, 1 / width), input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · input)) / beta, elementwise; input where beta · input > threshold."""
    numbers = number("softplus", "beta", beta), number("softplus", "threshold", threshold)
    return activated("softplus", Softplus(*numbers), input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-input))), elementwise."""
    return activated("logsigmoid", LogSigmoid(), input)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|), elementwise; ±1 at ±∞."""
    return activated("softsign", Softsign(), floating("softsign", not_bool("softsign", input)))


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input), elementwise, with full accuracy beside 0."""
    return activated("tanhshrink", Tanhshrink(), floating("tanhshrink", not_bool("tanhshrink", input)))


elu_ = in_place(elu)
selu_ = in_place(selu)
celu_ = in_place(celu)
