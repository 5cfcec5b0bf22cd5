"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.errors import DtypeError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import PIECE, Elementwise, RoundedOnce, Unary, UnaryBackward, masked
from gpunn.ops.arithmetic.fused import Fused
from gpunn.ops.arithmetic.promotion import NUMBERS, Operand, floating, only_tensors, promoted
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

LN_2, LN_10 = math.log(2), math.log(10)


class Exp(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.exp(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * self.saved_output()


class Exp2(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.exp2(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * (self.saved_output() * LN_2)


class Expm1(Unary):
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.expm1(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad * (self.saved_output() + 1)


class Log(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.log(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / self.saved(0)


class Log2(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.log2(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / (self.saved(0) * LN_2)


class Log10(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.log10(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / (self.saved(0) * LN_10)


class Log1p(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return xp.log1p(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / (self.saved(0) + 1)


class Sigmoid(Unary):
    wide = True
    saves_output = True

    def compute(self, xp: Any, x: Array) -> Array:
        y = xp.exp(-x)  # overflows only where the result is denormal
        y += 1
        return 1 / y

    def forward_numpy(self, x: Array) -> Array:
        y = array_module(x).empty_like(x)
        for piece, result in backend.cache_pieces(x, y, size=PIECE):
            result[...] = self.compute(array_module(x), widened(piece))
        return y

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("activation/sigmoid", "sigmoid_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = SigmoidBackward()(grad, self.saved_output())
        return result


class SigmoidBackward(UnaryBackward):
    kernel = "sigmoid"

    def slope(self, y: Array) -> Array:
        return (1 - y) * y

    def slope_change(self, y: Tensor) -> Tensor:
        return 1 - 2 * y


class Logaddexp(Fused):
    operation, is_whole = "LogSum", True

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        largest, gap = _largest_and_gap(xp, a, b)
        return (largest + xp.log1p(xp.exp(gap))).astype(a.dtype)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad / ((self.saved(1) - self.saved(0)).exp() + 1)

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad / ((self.saved(0) - self.saved(1)).exp() + 1)


class Logaddexp2(Elementwise):
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, a: Array, b: Array) -> Array:
        largest, gap = _largest_and_gap(xp, a, b)
        return (largest + xp.log1p(xp.exp2(gap)) / LN_2).astype(a.dtype)

    def grad_a(self, grad: Tensor) -> Tensor:
        return grad / ((self.saved(1) - self.saved(0)).exp2() + 1)

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad / ((self.saved(0) - self.saved(1)).exp2() + 1)


class Xlogy(RoundedOnce, Elementwise):
    wide = True
    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def compute(self, xp: Any, a: Any, b: Any) -> Array:
        log_b = number_log(b) if type(b) in NUMBERS else xp.log(b)
        return xp.where((a == 0) & (b == b), 0, a * log_b)

    def grad_a(self, grad: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        return masked(xlogy(grad, b), (a != 0) | (b > 0) | (b != b))

    def grad_b(self, grad: Tensor) -> Tensor:
        return grad * self.saved(0) / self.saved(1)


def exp(input: Tensor) -> Tensor:
    """e to the power of input, elementwise."""
    return Exp()(floating("exp", input))


def exp2(input: Tensor) -> Tensor:
    """2 to the power of input, elementwise."""
    return Exp2()(floating("exp2", input))


def expm1(input: Tensor) -> Tensor:
    """exp(input) - 1, elementwise, precise where input is near 0."""
    return Expm1()(floating("expm1", input))


def log(input: Tensor) -> Tensor:
    """The natural logarithm, elementwise; -inf at 0, NaN for negative elements."""
    return Log()(floating("log", input))


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2, elementwise."""
    return Log2()(floating("log2", input))


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10, elementwise."""
    return Log10()(floating("log10", input))


def log1p(input: Tensor) -> Tensor:
    """log(1 + input), elementwise, precise where input is near 0."""
    return Log1p()(floating("log1p", input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)), elementwise."""
    return Sigmoid()(floating("sigmoid", input))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), elementwise, without overflow in between."""
    return Logaddexp()(*_floats("logaddexp", input, other))


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2**input + 2**other), elementwise, without overflow in between."""
    return Logaddexp2()(*_floats("logaddexp2", input, other))


def xlogy(input: Operand, other: Operand) -> Tensor:
    """input * log(other), elementwise; 0 where input is 0, unless other is NaN."""
    a, b = promoted("xlogy", input, other, to_float=True)
    return Xlogy()(a, b)


def number_log(x: float) -> float:
    """The natural logarithm of a number: -inf of 0, NaN of negative ones."""
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _largest_and_gap(xp: Any, a: Array, b: Array) -> tuple[Array, Array]:
    """max(a, b) and -|a - b| in float64, so that their sums may cancel; no gap between equal infinities."""
    x, y = a.astype("float64"), b.astype("float64")
    return xp.maximum(x, y), xp.where(x == y, 0, -xp.abs(x - y))


def _floats(op: str, a: Tensor, b: Tensor) -> tuple[Any, Any]:
    """Two tensors in their common dtype, which must be a floating one."""
    only_tensors(op, a, b)
    x, y = promoted(op, a, b)
    if x.array.dtype.kind not in "fV":
        raise DtypeError(f"{op}: not implemented for {x.dtype}; convert with x.to(gpunn.float32)")
    return x, y
