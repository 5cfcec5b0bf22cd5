"""Methods of Tensor: the elementwise operations of gpunn/ops/arithmetic but for comparisons, and their operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn.engine import Variable
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic import (
    bessel,
    binary,
    division,
    exponential,
    hyperbolic,
    power,
    probabilities,
    real,
    rounding,
    selection,
    special_functions,
    trigonometric,
)
from gpunn.ops.arithmetic import clamp as limits
from gpunn.ops.arithmetic import sign as signs
from gpunn.ops.arithmetic.logit import logit
from gpunn.ops.arithmetic.promotion import Operand
from gpunn.ops.inplace import in_place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

OPERANDS = (Variable, float, int, np.generic)


def operator(op: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    """The method for `x + y`; operands that are neither tensors nor numbers are left to their own methods."""

    def method(self: Any, other: Any) -> Any:
        return op(self, other) if isinstance(other, OPERANDS) else NotImplemented

    return method


def reflected(op: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    """The method for `y + x`, where y is no tensor."""

    def method(self: Any, other: Any) -> Any:
        return op(other, self) if isinstance(other, OPERANDS) else NotImplemented

    return method


class ArithmeticMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    add = binary.add
    add_ = in_place(binary.add)
    sub = subtract = binary.sub
    sub_ = subtract_ = in_place(binary.sub)
    mul = multiply = binary.mul
    mul_ = multiply_ = in_place(binary.mul)

    div = divide = division.div
    div_ = divide_ = in_place(division.div)
    true_divide = division.true_divide
    true_divide_ = in_place(division.true_divide)
    floor_divide = division.floor_divide
    floor_divide_ = in_place(division.floor_divide)
    remainder = division.remainder
    remainder_ = in_place(division.remainder)
    fmod = division.fmod
    fmod_ = in_place(division.fmod)
    reciprocal = division.reciprocal
    reciprocal_ = in_place(division.reciprocal)

    pow = power.pow
    pow_ = in_place(power.pow)
    float_power = power.float_power
    square = power.square
    square_ = in_place(power.square)
    sqrt = power.sqrt
    sqrt_ = in_place(power.sqrt)
    rsqrt = power.rsqrt
    rsqrt_ = in_place(power.rsqrt)
    hypot = power.hypot
    hypot_ = in_place(power.hypot)

    exp = exponential.exp
    exp_ = in_place(exponential.exp)
    exp2 = exponential.exp2
    exp2_ = in_place(exponential.exp2)
    expm1 = exponential.expm1
    expm1_ = in_place(exponential.expm1)
    log = exponential.log
    log_ = in_place(exponential.log)
    log2 = exponential.log2
    log2_ = in_place(exponential.log2)
    log10 = exponential.log10
    log10_ = in_place(exponential.log10)
    log1p = exponential.log1p
    log1p_ = in_place(exponential.log1p)
    sigmoid = exponential.sigmoid
    sigmoid_ = in_place(exponential.sigmoid)
    logaddexp = exponential.logaddexp
    logaddexp2 = exponential.logaddexp2
    xlogy = exponential.xlogy
    xlogy_ = in_place(exponential.xlogy)

    sin = trigonometric.sin
    sin_ = in_place(trigonometric.sin)
    cos = trigonometric.cos
    cos_ = in_place(trigonometric.cos)
    tan = trigonometric.tan
    tan_ = in_place(trigonometric.tan)
    asin = arcsin = trigonometric.asin
    asin_ = arcsin_ = in_place(trigonometric.asin)
    acos = arccos = trigonometric.acos
    acos_ = arccos_ = in_place(trigonometric.acos)
    atan = arctan = trigonometric.atan
    atan_ = arctan_ = in_place(trigonometric.atan)
    atan2 = arctan2 = trigonometric.atan2
    atan2_ = arctan2_ = in_place(trigonometric.atan2)
    sinc = trigonometric.sinc
    sinc_ = in_place(trigonometric.sinc)
    deg2rad = trigonometric.deg2rad
    deg2rad_ = in_place(trigonometric.deg2rad)
    rad2deg = trigonometric.rad2deg
    rad2deg_ = in_place(trigonometric.rad2deg)

    sinh = hyperbolic.sinh
    sinh_ = in_place(hyperbolic.sinh)
    cosh = hyperbolic.cosh
    cosh_ = in_place(hyperbolic.cosh)
    tanh = hyperbolic.tanh
    tanh_ = in_place(hyperbolic.tanh)
    asinh = arcsinh = hyperbolic.asinh
    asinh_ = arcsinh_ = in_place(hyperbolic.asinh)
    acosh = arccosh = hyperbolic.acosh
    acosh_ = arccosh_ = in_place(hyperbolic.acosh)
    atanh = arctanh = hyperbolic.atanh
    atanh_ = arctanh_ = in_place(hyperbolic.atanh)

    erf = special_functions.erf
    erf_ = in_place(special_functions.erf)
    erfc = special_functions.erfc
    erfc_ = in_place(special_functions.erfc)
    erfinv = special_functions.erfinv
    erfinv_ = in_place(special_functions.erfinv)
    i0 = bessel.i0
    i0_ = in_place(bessel.i0)
    logit = logit
    logit_ = in_place(logit)
    lgamma = special_functions.lgamma
    lgamma_ = in_place(special_functions.lgamma)
    digamma = special_functions.digamma
    digamma_ = in_place(special_functions.digamma)

    mvlgamma = probabilities.mvlgamma
    mvlgamma_ = in_place(probabilities.mvlgamma)

    neg = negative = signs.neg
    neg_ = negative_ = in_place(signs.neg)
    positive = signs.positive
    abs = absolute = signs.abs
    abs_ = absolute_ = in_place(signs.abs)
    sign = sgn = signs.sign
    sign_ = sgn_ = in_place(signs.sign)
    signbit = signs.signbit
    copysign = signs.copysign
    copysign_ = in_place(signs.copysign)
    heaviside = signs.heaviside
    heaviside_ = in_place(signs.heaviside)

    floor = rounding.floor
    floor_ = in_place(rounding.floor)
    ceil = rounding.ceil
    ceil_ = in_place(rounding.ceil)
    trunc = fix = rounding.trunc
    trunc_ = fix_ = in_place(rounding.trunc)
    round = rounding.round
    round_ = in_place(rounding.round)
    frac = rounding.frac
    frac_ = in_place(rounding.frac)

    clamp = clip = limits.clamp
    clamp_ = clip_ = in_place(limits.clamp)
    clamp_min = limits.clamp_min
    clamp_min_ = in_place(limits.clamp_min)
    clamp_max = limits.clamp_max
    clamp_max_ = in_place(limits.clamp_max)
    maximum = limits.maximum
    minimum = limits.minimum
    fmax = limits.fmax
    fmin = limits.fmin

    nan_to_num = selection.nan_to_num
    nan_to_num_ = in_place(selection.nan_to_num)
    lerp = selection.lerp
    lerp_ = in_place(selection.lerp)
    addcmul = selection.addcmul
    addcmul_ = in_place(selection.addcmul)
    addcdiv = selection.addcdiv
    addcdiv_ = in_place(selection.addcdiv)

    isreal = real.isreal
    conj = real.conj
    conj_physical = real.conj_physical
    conj_physical_ = in_place(real.conj_physical)
    resolve_conj = real.resolve_conj
    resolve_neg = real.resolve_neg
    is_conj = real.is_conj
    is_neg = real.is_neg
    imag = property(real.imag)
    real = property(real.real)  # last: from here on the name is the property's

    def where(self: Any, condition: Tensor, other: Operand) -> Tensor:
        """self where `condition` is true, else `other`."""
        return selection.where(condition, self, other)

    def float_power_(self: Any, exponent: Operand) -> Tensor:
        """In-place form of `float_power`, for float64 tensors."""
        if self.array.dtype != np.float64:
            raise DtypeError(
                f"the base given to float_power_ has dtype {self.dtype}, the result requires gpunn.float64"
            )
        return self.pow_(exponent)

    def polygamma(self: Any, n: int) -> Tensor:
        """The n-th derivative of digamma, elementwise."""
        return special_functions.polygamma(n, self)

    polygamma_ = in_place(polygamma)

    __add__ = __radd__ = operator(binary.add)
    __sub__ = operator(binary.sub)
    __rsub__ = reflected(binary.sub)
    __mul__ = __rmul__ = operator(binary.mul)
    __truediv__ = operator(division.div)
    __rtruediv__ = __rdiv__ = reflected(division.div)
    __floordiv__ = operator(division.floor_divide)
    __rfloordiv__ = reflected(division.floor_divide)
    __mod__ = operator(division.remainder)
    __rmod__ = reflected(division.remainder)
    __pow__ = operator(power.pow)
    __rpow__ = reflected(power.pow)

    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_
    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_

    __neg__ = signs.neg
    __pos__ = signs.positive
    __abs__ = signs.abs
