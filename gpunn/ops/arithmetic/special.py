"""Special functions of arrays: erf, erfc, erfinv, lgamma, digamma, polygamma.

NumPy has none of them, so they are computed here, on either module, from polynomials, exp and log. Every
function takes an array of a floating dtype and returns one of the same dtype and shape. Inside, all is
float64; the relative error is at most 2e-15, beside a zero the absolute error is at most 1e-15 (`lgamma` and
`polygamma` name their exceptions). All branches are computed for all elements and chosen by `where`, so the
losing ones may overflow or divide by zero: the caller silences floating-point warnings.
"""

from __future__ import annotations

from math import factorial, inf, log, nan, pi, sqrt
from typing import Any

from gpunn.backend import Array, array_module

# Coefficients: the highest power first.

# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631-637;
# the digits are those of CALERF in Netlib's SPECFUN.
_ERF = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_ERFC = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_ERFC_TAIL = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip

# M. J. Wichura, Algorithm AS 241: the percentage points of the normal distribution, Applied Statistics 37
# (1988) 477-484.
_QUANTILE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_QUANTILE_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip
_QUANTILE_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip

# Rational functions that equal lgamma(1 + t) / (t (t - 1)) and digamma(1 + t) / (t - root) in the Chebyshev
# nodes of 0 <= t <= 7, solved with 100 digits; in between the relative errors are 1e-17 and 5e-18.
# All coefficients are positive, so no term cancels another.
_LGAMMA = (
    (4.637568159908682e-13, 1.7761862732339833e-9, 3.7805332175634944e-7, 2.5167922026835715e-5,
     7.417706455404783e-4, 1.1346634856006647e-2, 9.838517206867092e-2, 5.087889233987256e-1,
     1.6089942892281859, 3.114129157168435, 3.5765158666848813, 2.2273001950416664, 5.772156649015329e-1),
    (3.1631553635201437e-10, 9.429515287719581e-8, 8.152666303538325e-6, 3.050811367050038e-4,
     5.893709016404551e-3, 6.481124790023925e-2, 4.301953921993077e-1, 1.7831779827960288,
     4.681612821700958, 7.732637824801736, 7.746907466464195, 4.283583613390046, 1.0),
)  # fmt: skip
_DIGAMMA = (
    (5.257630566710371e-10, 1.984538427696047e-7, 1.8065804983560476e-5, 6.524381767599345e-4,
     1.1426070244369249e-2, 1.0682453985737415e-1, 5.537428967581938e-1, 1.5726891079782805,
     2.2538899056712296, 1.2503801375034054),
    (7.02187563548245e-11, 3.700740394950145e-8, 4.258631846926015e-6, 1.8874521075114387e-4,
     4.028747411922858e-3, 4.625693797416102e-2, 3.013631761745271e-1, 1.1281900358873493,
     2.3553501358164466, 2.486110561928652, 1.0),
)  # fmt: skip
_DIGAMMA_ROOT = (0.46163214496836236, -1.5522348162858677e-17)  # digamma(1 + their sum) = 0

# B2, B4, ... B20, and the asymptotic series of lgamma and digamma, in powers of 1/x².
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330
)  # fmt: skip
_STIRLING = tuple(b / (2 * j * (2 * j - 1)) for j, b in enumerate(_BERNOULLI, 1))[::-1]
_LOG_SERIES = tuple(b / (2 * j) for j, b in enumerate(_BERNOULLI, 1))[::-1]


def erf(x: Array) -> Array:
    """2/√π ∫₀ˣ exp(-t²) dt. Source: Cody 1969."""
    xp, v = array_module(x), x.astype("float64")
    y = xp.minimum(xp.abs(v), 6.0)  # erf(6) rounds to 1
    near = v * _ratio(_ERF, v * v)
    far = xp.copysign(1 - xp.exp(-y * y) * _ratio(_ERFC, y), v)
    return xp.where(y < 0.46875, near, far).astype(x.dtype, copy=False)


def erfc(x: Array) -> Array:
    """1 - erf(x), with its full relative accuracy down to the underflow at x = 26.6. Source: Cody 1969."""
    xp, v = array_module(x), x.astype("float64")
    y = xp.minimum(xp.abs(v), 28.0)  # erfc(28) underflows to 0
    head = xp.trunc(y * 16) / 16  # its square is exact: exp(-y²) without the rounding error of y²
    w = 1 / (y * y)
    scaled = xp.where(y < 4, _ratio(_ERFC, y), (1 / sqrt(pi) - w * _ratio(_ERFC_TAIL, w)) / y)
    tail = xp.exp(-head * head) * (xp.exp((head - y) * (head + y)) * scaled)
    tail = xp.where(v < 0, 2 - tail, tail)
    return xp.where(y < 0.46875, 1 - v * _ratio(_ERF, v * v), tail).astype(x.dtype, copy=False)


def erfinv(x: Array) -> Array:
    """The y with erf(y) = x; ±inf at ±1, NaN outside [-1, 1]. Source: Wichura 1988, √2 y = Φ⁻¹((1 + x)/2)."""
    xp, v = array_module(x), x.astype("float64")
    y = xp.abs(v)
    near = v * (_ratio(_QUANTILE, 0.180625 - v * v / 4) / sqrt(8))
    r = xp.sqrt(-xp.log((1 - y) / 2))
    far = xp.where(r <= 5, _ratio(_QUANTILE_TAIL, r - 1.6), _ratio(_QUANTILE_FAR_TAIL, r - 5))
    far = xp.copysign(xp.where(y == 1, inf, far / sqrt(2)), v)
    return xp.where(y <= 0.85, near, far).astype(x.dtype, copy=False)


def lgamma(x: Array) -> Array:
    """log |Γ(x)|; inf at 0, -1, -2, ... and ±inf.

    0 <= x < 8: a rational function, with lgamma(x) = lgamma(x + 1) - log x below 1. x >= 8: Stirling's series
    (x - 1/2) log x - x + log(2π)/2 + Σ B₂ⱼ / (2j (2j - 1) x²ʲ⁻¹). x < 0: log(π / |sin πx|) - lgamma(1 - x);
    beside its zeros, where these two cancel, the absolute error is 4e-16 of the one.
    """
    xp, v = array_module(x), x.astype("float64")
    z, t = _reflected(xp, v)
    log_z = xp.log(z)
    near = t * (t - 1) * _ratio(_LGAMMA, t) + xp.where(z < 1, -log_z, 0.0)
    far = (z - 0.5) * (log_z - 1) + (log(2 * pi) - 1) / 2 + polynomial(1 / (z * z), _STIRLING) / z
    positive = xp.where(z < 8, near, far)
    r = v - xp.rint(v)
    sine = xp.where(xp.abs(r) < 1e-9, r, xp.sin(pi * r) / pi)  # π r would round denormals
    result = xp.where(v < 0, -xp.log(xp.abs(sine)) - positive, positive)
    return xp.where(xp.isinf(v) | (v < 0) & (r == 0), inf, result).astype(x.dtype, copy=False)


def digamma(x: Array) -> Array:
    """ψ(x) = d/dx lgamma(x); -inf at 0, inf at -0.0, NaN at -1, -2, ... and -inf.

    0 <= x < 8: a rational function, with ψ(x) = ψ(x + 1) - 1/x below 1. x >= 8: the asymptotic series
    log x - 1/(2x) - Σ B₂ⱼ / (2j x²ʲ). x < 0: the reflection ψ(1 - x) - π cot πx.
    """
    xp, v = array_module(x), x.astype("float64")
    z, t = _reflected(xp, v)
    near = (t - _DIGAMMA_ROOT[0] - _DIGAMMA_ROOT[1]) * _ratio(_DIGAMMA, t) - xp.where(z < 1, 1 / z, 0.0)
    w = 1 / (z * z)
    far = xp.log(z) - 0.5 / z - w * polynomial(w, _LOG_SERIES)
    positive = xp.where(z < 8, near, far)
    r = v - xp.rint(v)
    result = xp.where(v < 0, positive - pi * _cotangent(xp, r), positive)
    return xp.where((v < 0) & (r == 0), nan, result).astype(x.dtype, copy=False)


def polygamma(n: int, x: Array) -> Array:
    """ψ⁽ⁿ⁾(x), the n-th derivative of digamma; at 0, -1, -2, ... inf for odd n, -inf for even n > 0.

    x > 0: (-1)ⁿ⁺¹ n! ζ(n + 1, x), Hurwitz' zeta function by the Euler-Maclaurin formula. x <= 0: the
    reflection (-1)ⁿ ψ⁽ⁿ⁾(1 - x) - π dⁿ/dxⁿ cot πx; beside its zeros the absolute error is 1e-15 of the one.
    Source: Abramowitz and Stegun, 6.4.7, 6.4.10, 23.1.30.
    """
    if n == 0:
        return digamma(x)
    xp, v = array_module(x), x.astype("float64")
    positive = _factorial_zeta(n, xp.where(v > 0, v, 1 - v))
    cotangent = _cotangent(xp, v - xp.rint(v))
    reflected = -positive - pi ** (n + 1) * polynomial(cotangent, _cotangent_derivative(n))
    return xp.where(v > 0, (-1) ** (n + 1) * positive, reflected).astype(x.dtype, copy=False)


def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """The value at each element of the polynomial with these coefficients, the highest power first."""
    total = x * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        total *= x
        total += coefficient
    return total


def _ratio(rational: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    return polynomial(x, rational[0]) / polynomial(x, rational[1])


def _reflected(xp: Any, x: Array) -> tuple[Array, Array]:
    """z = 1 - x if x < 0, else x; and t >= 0 without rounding: z - 1, or z where z < 1."""
    negative = x < 0
    return xp.where(negative, 1 - x, x), xp.where(negative, -x, xp.where(x < 1, x, x - 1))


def _cotangent(xp: Any, r: Array) -> Array:
    """cot πr for |r| <= 1/2, with the relative accuracy that cos(π r) loses beside r = 1/2."""
    return xp.sin(pi * (0.5 - xp.abs(r))) / xp.sin(pi * r)


def _cotangent_derivative(n: int) -> tuple[float, ...]:
    """The polynomial P with dⁿ/dxⁿ cot πx = πⁿ P(cot πx), from cot' = -(1 + cot²); of one sign."""
    terms = {1: 1}  # power: coefficient
    for _ in range(n):
        slope = [(power - 1, -power * c) for power, c in terms.items() if power]
        terms = {}
        for power, c in slope:
            for higher in (power, power + 2):
                terms[higher] = terms.get(higher, 0) + c
    return tuple(float(terms.get(power, 0)) for power in range(n + 1, -1, -1))


def _factorial_zeta(n: int, x: Array) -> Array:
    """n! ζ(n + 1, x) = Σ n! / (x + k)ⁿ⁺¹ for x > 0: 8 + n terms, and Euler-Maclaurin for the rest."""
    shift = 8 + n
    end = x + shift
    corrections = tuple(b * factorial(n + 2 * j - 1) / factorial(2 * j) for j, b in enumerate(_BERNOULLI, 1))
    series = polynomial(1 / (end * end), (*corrections[::-1], float(factorial(n - 1))))
    total = end**-n * (series + factorial(n) / (2 * end))
    for k in range(shift):
        total += factorial(n) * (x + k) ** -(n + 1)
    return total
