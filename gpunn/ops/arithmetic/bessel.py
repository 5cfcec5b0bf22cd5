"""The modified Bessel functions of the first kind I₀ and I₁, elementwise."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, Any, Final

from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.ops.activation.pointwise import Activation
from gpunn.ops.arithmetic.promotion import floating
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.arithmetic.special import polynomial

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

# |x| < 8: the power series in x²/4, of which no term cancels another; the first term left out is below 1e-17.
_TERMS: Final = range(24, -1, -1)
I0_SERIES: Final = tuple(1 / factorial(k) ** 2 for k in _TERMS)
I1_SERIES: Final = tuple(1 / (factorial(k) * factorial(k + 1)) for k in _TERMS)
# |x| >= 8: √x exp(-x) I(x) as a polynomial in y = 16/|x| - 1, -1 < y <= 1, that has the values of the function in the
# 24 Chebyshev nodes, computed with 60 digits; in between the relative error is 1e-16.
I0_TAIL = (
    -2.4421973e-11, 9.1147602e-11, 1.76980855e-10, -6.49459111e-10, -6.32790992e-10, 2.163681278e-9, 1.608488616e-9,
    -4.530571077e-9, -3.586283411e-9, 6.522264862e-9, 7.600254486e-9, -5.017594035e-9, -1.3427511482e-8,
    -6.856484546e-9, 7.559364099e-9, 2.1567806761e-8, 3.9325123211e-8, 8.8720145857e-8, 2.97359920847e-7,
    1.483847678092e-6, 1.1143033788452e-5, 1.36216074389515e-4, 3.360551983667891e-3, 4.0217650944500810e-1,
)  # fmt: skip
I1_TAIL = (
    2.2421769e-11, -9.4918904e-11, -1.62832643e-10, 6.77274785e-10, 5.87066462e-10, -2.262440111e-9, -1.521821406e-9,
    4.763780078e-9, 3.501765193e-9, -6.944418634e-9, -7.687251309e-9, 5.572018398e-9, 1.4051746929e-8,
    6.847578299e-9, -8.432168973e-9, -2.3394122958e-8, -4.3128498031e-8, -1.00010750462e-7, -3.48385634643e-7,
    -1.834910249399e-6, -1.5038547198222e-5, -2.19235763831378e-4, -9.749577193235765e-3, 3.8939845902587233e-1,
)  # fmt: skip


def i0_values(x: Array) -> Array:
    """I₀ of each element, in float64 inside; the relative error is at most 1e-15."""
    xp, v = array_module(x), abs(x.astype("float64"))
    near = polynomial(v * v / 4, I0_SERIES)
    return xp.where(v < 8, near, _tail(xp, v, I0_TAIL)).astype(x.dtype, copy=False)


def i1_values(x: Array) -> Array:
    """I₁ of each element, in float64 inside; the relative error is at most 1e-15."""
    xp, signed = array_module(x), x.astype("float64")
    v = abs(signed)
    near = signed / 2 * polynomial(signed * signed / 4, I1_SERIES)
    return xp.where(v < 8, near, xp.copysign(_tail(xp, v, I1_TAIL), signed)).astype(x.dtype, copy=False)


def _tail(xp: Any, v: Array, coefficients: tuple[float, ...]) -> Array:
    """exp(v) / √v times the polynomial; the exponential in two factors, of which none overflows before the result."""
    root = xp.exp(v / 2)
    value = root * (polynomial(16 / v - 1, coefficients) / xp.sqrt(v)) * root
    return xp.where(xp.isinf(v), v, value)


class I0(Activation):
    file, kernel = "arithmetic/bessel", "i0"

    @staticmethod
    def value(x: Array) -> Array:
        return i0_values(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return grad * i1_values(x)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return i0(x) - _over(i1(x), x, 0.5)


class I1(Activation):
    """Its derivative is I₀(x) - I₁(x) / x, which is 1/2 at 0."""

    file, kernel = "arithmetic/bessel", "i1"

    @staticmethod
    def value(x: Array) -> Array:
        return i1_values(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp, is_zero = array_module(x), x == 0
        return grad * (i0_values(x) - xp.where(is_zero, 0.5, i1_values(x) / xp.where(is_zero, 1.0, x)))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return i1(x) - _over(i0(x) - _over(i1(x), x, 0.5) * 2, x, 0.0)


def _over(y: Tensor, x: Tensor, at_zero: float) -> Tensor:
    """y / x, and `at_zero` where x is 0."""
    is_zero: Tensor = Variable.result_type(x.array == 0)
    return where(is_zero, at_zero, y / where(is_zero, 1.0, x))


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 0, elementwise: Σ (x²/4)ᵏ / (k!)²."""
    return I0()(floating("i0", input))


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 1, elementwise: x/2 Σ (x²/4)ᵏ / (k! (k + 1)!)."""
    return I1()(floating("i1", input))
