"""The modified Bessel functions without their exponential growth: exp(-|x|) I₀(x) and exp(-|x|) I₁(x), elementwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.bessel import I0_SERIES, I0_TAIL, I1_SERIES, I1_TAIL
from gpunn.ops.arithmetic.elementwise import Unary
from gpunn.ops.arithmetic.promotion import floating
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.arithmetic.sign import abs, sign
from gpunn.ops.arithmetic.special import polynomial

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class I0e(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        v = xp.abs(x.astype("float64"))
        near = polynomial(v * v / 4, I0_SERIES) * xp.exp(-v)
        return xp.where(v < 8, near, _tail(xp, v, I0_TAIL)).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("arithmetic/bessel", "i0e_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * (i1e(x) - sign(x) * i0e(x))


class I1e(Unary):
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        signed = x.astype("float64")
        v = xp.abs(signed)
        near = signed / 2 * polynomial(v * v / 4, I1_SERIES) * xp.exp(-v)
        return xp.where(v < 8, near, xp.copysign(_tail(xp, v, I1_TAIL), signed)).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("arithmetic/bessel", "i1e_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        """exp(-|x|) (I₀(x) - I₁(x) / x) - I₁ₑ(x) sign x; at 0 it is 1/2."""
        x = self.saved(0)
        is_zero: Tensor = Variable.result_type(x.array == 0)
        slope = where(is_zero, i0e(x) * 0.5, i0e(x) - i1e(x) / where(is_zero, 1.0, x))
        return grad * (slope - i1e(abs(x)))


def _tail(xp: Any, v: Array, coefficients: tuple[float, ...]) -> Array:
    """The polynomial divided by √v, for v >= 8."""
    large = xp.where(v < 8, 8.0, v)
    return polynomial(16 / large - 1, coefficients) / xp.sqrt(large)


def i0e(input: Tensor) -> Tensor:
    """exp(-|x|) I₀(x), elementwise: the scaled modified Bessel function of order 0."""
    return I0e()(floating("i0e", input))


def i1e(input: Tensor) -> Tensor:
    """exp(-|x|) I₁(x), elementwise: the scaled modified Bessel function of order 1."""
    return I1e()(floating("i1e", input))
