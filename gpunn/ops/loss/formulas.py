"""The losses of numbers against targets as formulas: their values as arrays, their slopes as differentiable tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import UnsupportedError
from gpunn.ops.arithmetic.elementwise import at_least, at_most, masked, zeros_like
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Slope = Any  # a Tensor


class LogisticLoss(Function):
    """log(1 + exp(-x)) = max(-x, 0) + log1p(exp(-|x|))."""

    saves: ClassVar = {0: (0,)}

    def forward(self, x: Array) -> Array:
        return logistic_array(widened(x)).astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return -grad * (-x).sigmoid()


def logistic_array(x: Array) -> Array:
    """log(1 + exp(-x)), without overflow."""
    xp = array_module(x)
    return at_least(-x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


class Formula:
    """One loss with its numbers a, b, c; a class has its name in kernels/loss/pointwise.cu too. `p` is the weight of
    positive targets, which only Logits has."""

    def __init__(self, a: float = 0.0, b: float = 0.0, c: float = 0.0) -> None:
        self.a, self.b, self.c = float(a), float(b), float(c)

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        """The losses of arrays of float32 or float64."""
        raise UnsupportedError(f"{type(self).__name__} has no value")

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        """The derivative with respect to x, by differentiable operations."""
        raise UnsupportedError(f"{type(self).__name__} has no derivative")

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        """The derivative with respect to t; where it is not given, the loss depends on x - t."""
        return -self.dx(x, t, p)


class Squared(Formula):
    """(x - t)²"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        d = x - t
        return d * d

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return (x - t) * 2.0


class Absolute(Formula):
    """|x - t|"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        return abs(x - t)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return (x - t).sign()


def _bent(x: Array, t: Array, a: float) -> Array:
    """(|x - t| - m / 2) m with m = min(|x - t|, a): a square up to a, and a line beyond."""
    xp = array_module(x)
    d = xp.abs(x - t)
    m = at_most(d, a)
    d -= 0.5 * m
    d *= m
    return d


class SmoothAbsolute(Formula):
    """(x - t)² / 2a where |x - t| < a, else |x - t| - a/2. Girshick, Fast R-CNN, 2015."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        loss = _bent(x, t, self.a)
        loss /= self.a
        return loss

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return ((x - t) / self.a).clamp(-1.0, 1.0)


class Huber(Formula):
    """(x - t)² / 2 where |x - t| <= a, else a (|x - t| - a/2). Huber 1964."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        return _bent(x, t, self.a)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return (x - t).clamp(-self.a, self.a)


class Probability(Formula):
    """-(t log x + (1 - t) log(1 - x)), with logarithms no smaller than -100."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        xp = array_module(x)
        return (t - 1) * xp.maximum(xp.log1p(-x), -100.0) - t * xp.maximum(xp.log(x), -100.0)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return (x - t) / (x * (1.0 - x)).clamp(min=1e-12)

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return (-x).log1p().clamp(min=-100.0) - x.log().clamp(min=-100.0)


class Logits(Formula):
    """(1 - t) x + (1 + (p - 1) t) log(1 + exp(-x))"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        loss = logistic_array(x)
        return (1 - t) * x + (loss if p is None else loss * ((p - 1) * t + 1))

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        slope = (-x).sigmoid()
        return (1.0 - t) - (slope if p is None else slope * ((p - 1.0) * t + 1.0))

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return -x if p is None else (p - 1.0) * LogisticLoss()(x) - x


class Divergence(Formula):
    """t (log t - x), 0 where t is 0."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        xp = array_module(x)
        return xp.where(t == 0, x.dtype.type(0), t * xp.log(t)) - t * x

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return -t

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return t.log() + 1.0 - x


class DivergenceOfLogs(Formula):
    """exp(t) (t - x)"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        return array_module(x).exp(t) * (t - x)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return -t.exp()

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return t.exp() * (t - x + 1.0)


class HingeEmbedding(Formula):
    """x where t is not -1, and max(0, a - x) where t is not 1."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        xp, zero = array_module(x), x.dtype.type(0)
        return xp.where(t == 1, zero, at_least(self.a - x, 0)) + xp.where(t == -1, zero, x)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return (t != -1).to(x.dtype) - ((t != 1) & (x <= self.a)).to(x.dtype)

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return zeros_like(t)


class SoftMargin(Formula):
    """log(1 + exp(-t x))"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        return logistic_array(t * x)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return -t * (-t * x).sigmoid()

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return -x * (-t * x).sigmoid()


class CosineEmbedding(Formula):
    """1 - x where t is 1, max(0, x - a) where t is -1, else 0, of cosines x."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        xp, zero = array_module(x), x.dtype.type(0)
        return xp.where(t == 1, 1 - x, zero) + xp.where(t == -1, at_least(x - self.a, 0), zero)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return ((t == -1) & (x >= self.a)).to(x.dtype) - (t == 1).to(x.dtype)

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return zeros_like(t)


class Hinge(Formula):
    """max(0, a - t x)"""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        return at_least(self.a - t * x, 0)

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return masked(-t, t * x <= self.a)

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        return masked(-x, t * x <= self.a)


class Poisson(Formula):
    """exp(x) - t x if a, else x - t log(x + c); if b, log t! by Stirling's formula more where t > 1."""

    def value(self, x: Array, t: Array, p: Array | None) -> Array:
        xp = array_module(x)
        loss = xp.exp(x) - t * x if self.a else x - t * xp.log(x + self.c)
        if not self.b:
            return loss
        stirling = t * xp.log(t) - t + 0.5 * xp.log(2 * np.pi * t)
        return loss + xp.where(t > 1, stirling, x.dtype.type(0))

    def dx(self, x: Any, t: Any, p: Any) -> Slope:
        return x.exp() - t if self.a else 1.0 - t / (x + self.c)

    def dt(self, x: Any, t: Any, p: Any) -> Slope:
        slope = -x if self.a else -(x + self.c).log()
        return slope + masked(t.log() + 0.5 / t, t > 1) if self.b else slope
