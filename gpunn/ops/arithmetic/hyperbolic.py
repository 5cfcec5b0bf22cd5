"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import Unary, UnaryBackward
from gpunn.ops.arithmetic.promotion import floating

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Sinh(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.sinh(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0).cosh()


class Cosh(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.cosh(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0).sinh()


class Tanh(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.tanh(x)

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("activation/sigmoid", "tanh_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = TanhBackward()(grad, self.saved_output())
        return result


class TanhBackward(UnaryBackward):
    kernel = "tanh"

    def slope(self, y: Array) -> Array:
        return 1 - y * y

    def slope_change(self, y: Tensor) -> Tensor:
        return -2 * y


class Asinh(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arcsinh(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * (x * x + 1).rsqrt()


class Acosh(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arccosh(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * (x * x - 1).rsqrt()


class Atanh(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.arctanh(x)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad / (1 - x * x)


def sinh(input: Tensor) -> Tensor:
    """(exp(input) - exp(-input)) / 2, elementwise."""
    return Sinh()(floating("sinh", input))


def cosh(input: Tensor) -> Tensor:
    """(exp(input) + exp(-input)) / 2, elementwise."""
    return Cosh()(floating("cosh", input))


def tanh(input: Tensor) -> Tensor:
    """sinh(input) / cosh(input), elementwise."""
    return Tanh()(floating("tanh", input))


def asinh(input: Tensor) -> Tensor:
    """The inverse of sinh, elementwise."""
    return Asinh()(floating("asinh", input))


def acosh(input: Tensor) -> Tensor:
    """The inverse of cosh, at least 0, elementwise; NaN below 1."""
    return Acosh()(floating("acosh", input))


def atanh(input: Tensor) -> Tensor:
    """The inverse of tanh, elementwise; NaN outside [-1, 1]."""
    return Atanh()(floating("atanh", input))


arcsinh = asinh
arccosh = acosh
arctanh = atanh
