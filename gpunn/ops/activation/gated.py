"""Activations that are the input times a gate between 0 and 1: silu, gelu, mish, glu."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.ops.activation.exponential import softplus
from gpunn.ops.activation.pointwise import Activation, activated
from gpunn.ops.arithmetic import special
from gpunn.ops.inplace import in_place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SQRT_HALF, DENSITY_AT_0 = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
RATE, CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715  # of the tanh form of gelu

# 1 / (2 exp(t²/2) Φ(-t)) = 1 + √(2/π) t + t² P(t) / Q(t) for 0 <= t <= 14, with an error of 7e-9: fitted in
# Chebyshev nodes. So the terms are positive, and in float32 the last ones, with the roundings, hardly count.
_TAIL_P = (0.003564552951685259, 0.028008927838765806, 0.09445594162783398, 0.136618483577001)
_TAIL_Q = (0.0078271136383064, 0.07866953119548982, 0.3589730994661204, 0.8667949424967973, 1.0)


class Gated(Activation):
    file = "activation/gated"


class SiLU(Gated):
    kernel = "silu"

    @staticmethod
    def value(x: Array) -> Array:
        xp, wide = array_module(x), x.astype(np.float64)
        gate = xp.negative(wide)
        xp.exp(gate, out=gate)
        gate += 1
        return _with_tail(x, xp.divide(wide, gate, out=wide))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        x = xp.clip(x, -1000, 1000)
        s = 1 / (1 + xp.exp(-x))
        return grad * (s * (1 + x * (1 - s)))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        s = x.sigmoid()
        return s * (1 - s) * (2 + x * (1 - 2 * s))


class Mish(Gated):
    """tanh(log(1 + e)) of e = exp(x) is (e² + 2 e) / (e² + 2 e + 2): 1 for x > 20."""

    kernel = "mish"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        e = xp.exp(xp.minimum(x, 20).astype(np.float64))
        top = e * (e + 2)
        return _with_tail(x, x * (top / (top + 2)))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        x = xp.clip(x, -1000, 20)
        e = xp.exp(x)
        top = e * (e + 2)
        return grad * ((top + x * (4 * e * (1 + e)) / (top + 2)) / (top + 2))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        s = x.sigmoid()
        t = softplus(x).tanh()
        slope = (1 - t * t) * s
        return 2 * slope + x * slope * (1 - s - 2 * t * s)


class GELU(Gated):
    """x Φ(x), where Φ is the distribution function of the normal distribution."""

    kernel = "gelu"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        t, tail, _ = _normal_tail(x)
        t *= tail
        return xp.subtract(xp.maximum(x, 0).astype(np.float64), t, out=t)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        _, tail, bell = _normal_tail(x)
        above = (x >= 0).astype(np.float64)
        tail *= 2 * above - 1
        above -= tail  # Φ(x): 1 - Φ(-t) from 0 on, else Φ(-t)
        bell *= xp.clip(x, -40, 40).astype(np.float64)
        bell *= DENSITY_AT_0
        above += bell
        above *= grad
        return above

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        square = x * x
        return (square * -0.5).exp() * (2 - square) * DENSITY_AT_0


class TanhGELU(Gated):
    """x (1 + tanh u) / 2 = x sigmoid(2 u), u = √(2/π) (x + 0.044715 x³)."""

    kernel = "tanh_gelu"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        x = xp.maximum(x.astype(np.float64), -50)  # exp(2 u) needs all digits of u
        return x / (1 + xp.exp(x * (-RATE - RATE * CUBIC * x * x)))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        x = xp.clip(x.astype(np.float64), -50, 50)
        s = 1 / (1 + xp.exp(x * (-RATE - RATE * CUBIC * x * x)))
        return grad * (s + s * (1 - s) * (x * (RATE + 3 * RATE * CUBIC * x * x)))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        square = x * x
        s = (x * (RATE + RATE * CUBIC * square)).sigmoid()
        slope, bend = RATE + 3 * RATE * CUBIC * square, 6 * RATE * CUBIC * x
        return s * (1 - s) * (2 * slope + x * ((1 - 2 * s) * slope * slope + bend))


def _with_tail(x: Array, y: Array) -> Array:
    """`y` with x exp(x) where x < -64; there exp(x) may be subnormal although the product is not. 0 at -∞."""
    low = x < -64
    if low.any():
        xp = array_module(x)
        half = xp.maximum(x[low].astype(np.float64), -1500) / 2
        root = xp.exp(half)
        y[low] = 2 * half * root * root
    return y


def _normal_tail(x: Array) -> tuple[Array, Array, Array]:
    """t = |x|, at most 40, Φ(-t) and exp(-t²/2), in float64, with the accuracy of the type of x."""
    xp = array_module(x)
    t = xp.minimum(xp.abs(x), 40).astype(np.float64)
    bell = t * t
    bell *= -0.5
    xp.exp(bell, out=bell)
    if x.dtype.itemsize == 8:
        return t, special.erfc(t * SQRT_HALF) / 2, bell
    tail = _polynomial(t, _TAIL_P)
    tail /= _polynomial(t, _TAIL_Q)
    tail *= t
    tail += RATE / 2
    tail *= t
    tail += 1
    xp.divide(bell, tail, out=tail)
    tail *= 0.5
    return t, tail, bell


def _polynomial(t: Array, coefficients: tuple[float, ...]) -> Array:
    total = t * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        total *= t
        total += c
    return total


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input · sigmoid(input), elementwise; 0 at -∞. Also known as swish. Source: Elfwing et al. 2017."""
    return _silu_(input) if inplace else activated("silu", SiLU(), input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · tanh(log(1 + exp(input))), elementwise; 0 at -∞. Source: Misra 2019."""
    return _mish_(input) if inplace else activated("mish", Mish(), input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input · Φ(input), elementwise, Φ(x) = P(N(0, 1) < x); 0 at -∞.

    `approximate="tanh"` is input · (1 + tanh(√(2/π) (input + 0.044715 input³))) / 2. Source: Hendrycks, Gimpel 2016.
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate argument must be either none or tanh, got {approximate!r}")
    return activated("gelu", GELU() if approximate == "none" else TanhGELU(), input)


swish = silu
_silu_ = in_place(silu)
_mish_ = in_place(mish)
