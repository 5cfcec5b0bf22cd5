"""Every elementwise function in float32 is within 4 units in the last place of its own result in float64.

Where the result is a normal number; and it is never infinite or NaN where the result is not. (That float64 itself is
right is for the tests of each function, and for the oracle.)
"""

import numpy as np
import pytest

import gpunn as gp
import gpunn.nn.functional as F

ULPS = 4
TINY, EPS = 2.0**-126, 2.0**-23
UNARY = """sqrt rsqrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh
    asinh acosh atanh sigmoid erf erfc erfinv lgamma digamma i0 logit"""
ACTIVATIONS = """relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh hardsigmoid hardswish
    hardshrink softshrink tanhshrink logsigmoid"""
FUNCTIONS = {
    **{name: getattr(gp, name) for name in UNARY.split()},
    **{name: getattr(F, name) for name in ACTIVATIONS.split()},
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}
# Not lerp, logaddexp, addcmul: their terms cancel, and the result has no relative accuracy in any precision.
BINARY = {name: getattr(gp, name) for name in ("mul", "div", "pow", "hypot", "atan2", "xlogy", "copysign", "fmod")}


def inputs(n=20_000):
    """Finite numbers of all magnitudes, and many where functions bend."""
    rng = np.random.default_rng(0)
    everywhere = rng.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    near = [rng.uniform(-limit, limit, n) for limit in (1, 10, 100)]
    beside_one = 1 + rng.uniform(-1e-3, 1e-3, n)
    return np.concatenate([everywhere[np.isfinite(everywhere)], *near, beside_one]).astype(np.float32)


def errors(got, exact):
    """The errors of `got` in units in the last place, and where it is not finite although it should be."""
    with np.errstate(all="ignore"):
        in_range = np.isfinite(exact.astype(np.float32))
        unit = np.maximum(2.0 ** np.floor(np.log2(np.abs(exact))), TINY) * EPS
        off = np.where(in_range & (np.abs(exact) >= TINY), np.abs(got.astype(np.float64) - exact) / unit, 0)
    return off, in_range & ~np.isfinite(got)


def check(function, *operands):
    got = function(*map(gp.tensor, operands)).numpy()
    exact = function(*(gp.tensor(x.astype(np.float64)) for x in operands)).numpy()
    assert got.dtype == np.float32 and exact.dtype == np.float64
    off, spurious = errors(got, exact)
    for bad in (off > ULPS, spurious):
        at = np.flatnonzero(bad)[:3]
        assert not bad.any(), [(*(x[i] for x in operands), got[i], exact[i]) for i in at]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_operand(name):
    check(FUNCTIONS[name], inputs())


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name):
    x = inputs()
    check(BINARY[name], x, np.random.default_rng(1).permutation(x))


def test_the_measure_sees_what_it_is_there_for():
    exact = np.array([1.0, 1.0, 1e-40, 3.0, 1e300, np.nan])
    got = np.array([1 + 5 * EPS, 1.0, 2e-40, np.inf, np.inf, np.nan], np.float32)
    off, spurious = errors(got, exact)
    assert off[:3].tolist() == [5, 0, 0] and spurious.tolist() == [False, False, False, True, False, False]
