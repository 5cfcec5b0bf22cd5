"""Activations that are the input times a gate between 0 and 1: silu, gelu, mish, glu."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.ops.activation.exponential import softplus
from gpunn.ops.activation.parabolas import Parabolas
from gpunn.ops.activation.pointwise import Activation, activated
from gpunn.ops.arithmetic import special
from gpunn.ops.inplace import in_place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SQRT_HALF, DENSITY_AT_0 = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
RATE, CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715  # of the tanh form of gelu
# Gates of float32 are looked up between these. Above they are 1; below, where hardly anything is, they are computed.
LOW, HIGH = -9, 6


class Gated(Activation):
    file = "activation/gated"


class SiLU(Gated):
    """In float32 throughout: NumPy's exp is off by 2.5 units in the last place, the whole by 3.5 at most."""

    kernel = "silu"

    @staticmethod
    def value(x: Array) -> Array:
        xp = array_module(x)
        y = xp.negative(x)
        xp.exp(y, out=y)
        y += 1
        return _with_tail(x, xp.divide(x, y, out=y))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        x = xp.maximum(xp.minimum(x, 1000), -1000)
        s = xp.negative(x)
        xp.exp(s, out=s)
        s += 1
        xp.divide(1, s, out=s)
        x *= 1 - s
        x += 1
        x *= s
        x *= grad
        return x

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        s = x.sigmoid()
        return s * (1 - s) * (2 + x * (1 - 2 * s))


class Mish(Gated):
    """tanh(log(1 + e)) of e = exp(x) is (e² + 2 e) / (e² + 2 e + 2): 1 for x > 20."""

    kernel = "mish"

    @staticmethod
    def value(x: Array) -> Array:
        return _gated(x, _MISH_GATE, Mish.exact) if x.dtype == np.float32 else Mish.exact(x)

    @staticmethod
    def exact(x: Array) -> Array:
        """The values, computed in float64."""
        wide = x.astype(np.float64)
        return _with_tail(x, wide * _mish_gate(wide))

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
        return _gated(x, _NORMAL, GELU.exact) if x.dtype == np.float32 else GELU.exact(x)

    @staticmethod
    def exact(x: Array) -> Array:
        """The values, computed in float64."""
        x = array_module(x).maximum(x.astype(np.float64), -40)  # 0 there
        return x * _normal(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * _slope(x, _GELU_SLOPE)

    @staticmethod
    def slope(x: Array) -> Array:
        """The derivative, computed in float64."""
        x = array_module(x).clip(x.astype(np.float64), -40, 40)
        return _normal(x) + x * DENSITY_AT_0 * array_module(x).exp(x * x * -0.5)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        square = x * x
        return (square * -0.5).exp() * (2 - square) * DENSITY_AT_0


class TanhGELU(Gated):
    """x (1 + tanh u) / 2 = x sigmoid(2 u), u = √(2/π) (x + 0.044715 x³)."""

    kernel = "tanh_gelu"

    @staticmethod
    def value(x: Array) -> Array:
        return _gated(x, _LIKE_NORMAL, TanhGELU.exact) if x.dtype == np.float32 else TanhGELU.exact(x)

    @staticmethod
    def exact(x: Array) -> Array:
        """The values, computed in float64: exp(2 u) needs all digits of u."""
        x = array_module(x).maximum(x.astype(np.float64), -50)  # 0 there
        return x * _like_normal(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * _slope(x, _TANH_GELU_SLOPE)

    @staticmethod
    def slope(x: Array) -> Array:
        """The derivative, computed in float64."""
        x = array_module(x).clip(x.astype(np.float64), -50, 50)
        s = _like_normal(x)
        return s + s * (1 - s) * (x * (RATE + 3 * RATE * CUBIC * x * x))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        square = x * x
        s = (x * (RATE + RATE * CUBIC * square)).sigmoid()
        slope, bend = RATE + 3 * RATE * CUBIC * square, 6 * RATE * CUBIC * x
        return s * (1 - s) * (2 * slope + x * ((1 - 2 * s) * slope * slope + bend))


def _normal(x: Array) -> Array:
    return special.erfc(x * -SQRT_HALF) / 2


def _like_normal(x: Array) -> Array:
    return 1 / (1 + array_module(x).exp(x * (-RATE - RATE * CUBIC * x * x)))


def _mish_gate(x: Array) -> Array:
    e = array_module(x).exp(array_module(x).minimum(x, 20))
    top = e * (e + 2)
    return top / (top + 2)


_NORMAL, _LIKE_NORMAL = Parabolas(_normal, LOW, HIGH), Parabolas(_like_normal, LOW, HIGH)
_MISH_GATE = Parabolas(_mish_gate, LOW, 9)
_GELU_SLOPE, _TANH_GELU_SLOPE = Parabolas(GELU.slope, LOW, HIGH), Parabolas(TanhGELU.slope, LOW, HIGH)


def _gated(x: Array, gate: Parabolas, exact: Callable[[Array], Array]) -> Array:
    """x · gate(x) of float32 numbers; `exact` below LOW."""
    y = gate(x)
    y *= x
    return _mended(y, x, LOW, exact)


def _slope(x: Array, table: Parabolas) -> Array:
    """The derivative in the table for float32, computed below LOW; all computed for float64."""
    return _mended(table(x), x, LOW, table.f) if x.dtype == np.float32 else table.f(x)


def _with_tail(x: Array, y: Array) -> Array:
    """`y` with x exp(x) where x < -64; there exp(x) may be subnormal although the product is not. 0 at -∞."""
    return _mended(y, x, -64, _tail)


def _tail(x: Array) -> Array:
    xp = array_module(x)
    half = xp.maximum(x.astype(np.float64), -1500) / 2
    root = xp.exp(half)
    return 2 * half * root * root


def _mended(y: Array, x: Array, bound: float, exact: Callable[[Array], Array]) -> Array:
    """`y` with exact(x) where x < bound, in place."""
    if x.size and not x.min() >= bound:  # or NaN
        low = x < bound
        y[low] = exact(x[low])
    return y


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
