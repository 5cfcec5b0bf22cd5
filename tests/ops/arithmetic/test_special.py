"""Special functions against the standard library, closed forms, and values from 40-digit arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gpunn import backend
from gpunn.ops.arithmetic import special

INF, NAN = math.inf, math.nan
EULER = 0.5772156649015329
CATALAN = 0.915965594177219
ZETA3 = 1.2020569031595942
FUNCTIONS = [special.erf, special.erfc, special.erfinv, special.lgamma, special.digamma]


def call(function: Callable[..., Any], x: Any, *before: Any) -> Any:
    """function(*before, x) on NumPy, with the warnings silenced as the engine does."""
    with np.errstate(all="ignore"):
        return function(*before, np.asarray(x, np.float64))


def trigamma(x: Any) -> Any:
    return special.polygamma(1, x)


def check(found: Any, wanted: Sequence[float], rtol: float = 2e-15, atol: float = 0.0) -> None:
    np.testing.assert_allclose(found, np.asarray(wanted, np.float64), rtol=rtol, atol=atol)


def test_erf_equals_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-6.5, 6.5, 4001), np.geomspace(1e-300, 1, 301), [0.46875, 4.0, 30.0]])
    check(call(special.erf, x), [math.erf(v) for v in x], 1e-15)


def test_erfc_keeps_its_relative_accuracy_in_the_tail() -> None:
    x = np.concatenate([np.linspace(-6.5, 26.5, 8001), [0.46875, 4.0, 26.54]])
    check(call(special.erfc, x), [math.erfc(v) for v in x])


def test_erfc_underflows_gradually() -> None:
    x = np.linspace(26.55, 27.3, 51)
    check(call(special.erfc, x), [math.erfc(v) for v in x], 2e-15, 2e-323)
    assert 0 < call(special.erfc, 27.2) < 1e-322


def test_erfinv_inverts_erf() -> None:
    x = np.linspace(-0.9999, 0.9999, 4001)
    check(call(special.erf, call(special.erfinv, x)), x, 1e-15, 1e-15)
    y = np.linspace(-0.9, 0.9, 999)
    check(call(special.erfinv, call(special.erf, y)), y, 4e-15)


def test_erfinv_inverts_erfc_in_the_tail() -> None:
    p = 2.0 ** -np.arange(1, 54)  # 1 - p has no rounding error; d log p / d log y = 2 y²: up to 70
    y = call(special.erfinv, 1 - p)
    check(call(special.erfc, y), p, 5e-14)
    np.testing.assert_array_equal(call(special.erfinv, p - 1), -y)


def test_erfinv_values() -> None:
    x = [1e-300, 0.01, 0.3, 0.5, 0.85, 0.851, 0.9, 0.999, 0.9999999, 1 - 2**-40, 1 - 2**-53]
    check(
        call(special.erfinv, x),
        [8.86226925452758e-301, 0.008862501280950598, 0.2724627147267543, 0.4769362762044699,
         1.0179024648320276, 1.0204064737926706, 1.1630871536766743, 2.3267537655135246, 3.7665625816384707,
         5.05125408524939, 5.8635847487551676],
    )  # fmt: skip


def test_lgamma_equals_the_standard_library() -> None:
    x = np.concatenate([np.linspace(0.01, 20, 4001), np.geomspace(1e-300, 1e300, 601)])
    check(call(special.lgamma, x), [math.lgamma(v) for v in x], 4e-15, 2e-15)


def test_lgamma_of_integers_is_the_log_of_a_factorial() -> None:
    n = np.arange(3, 171)
    check(call(special.lgamma, n), [math.log(math.factorial(v - 1)) for v in n])


def test_lgamma_values() -> None:
    table = {
        1e-300: 690.7755278982137, 0.1: 2.252712651734206, 0.99999999: 5.772156760265731e-09,
        1.00000001: -5.772156531688512e-09, 1.5: -0.12078223763524522, 1.99999: -4.227811104241674e-06,
        2.00001: 4.22787559764836e-06, 3.7: 1.428072326665388, 7.999: 8.523145786158915,
        8.001: 8.527177069108927, 100.5: 361.4355404677776, 1e10: 220258509288.81058,
        1e300: 6.897755278982137e302, -0.5: 1.2655121234846454, -1e-20: 46.051701859880914,
        -10.3: -14.457515440024208, -100.7: -365.61225576180533, -5e-324: 744.4400719213812,
    }  # fmt: skip
    check(call(special.lgamma, list(table)), list(table.values()))
    check(call(special.lgamma, [-2.457, -2.5]), [3.7496305958099786e-05, -0.056243716497674054], 0, 1e-15)


def test_lgamma_reflection() -> None:
    x = np.linspace(0.013, 29.987, 1200)
    wanted = [math.log(math.pi / abs(v * math.sin(math.pi * math.remainder(v, 1)))) for v in x]
    total = call(special.lgamma, x) + call(special.lgamma, -x)  # log(π / |x sin πx|)
    np.testing.assert_allclose(total, wanted, rtol=1e-14, atol=1e-13)


def test_digamma_of_integers_and_halves_is_a_harmonic_sum() -> None:
    whole = [float(sum(Fraction(1, k) for k in range(1, n))) - EULER for n in range(1, 60)]
    check(call(special.digamma, np.arange(1, 60)), whole)
    half = [float(sum(Fraction(2, 2 * k - 1) for k in range(1, n + 1))) - EULER - 2 * math.log(2) for n in range(60)]
    check(call(special.digamma, np.arange(60) + 0.5), half, 2e-15, 1e-15)


def test_digamma_values() -> None:
    table = {
        1e-300: -9.999999999999999e299, 0.1: -10.423754940411076, 0.999: -0.5788618021086455,
        1.4616321449683622: -9.241265521729427e-17, 1.4616321449683625: 1.2245374622004068e-16,
        1.5: 0.03648997397857652, 3.7: 1.1671535393615113, 7.999: 2.015508332090348,
        8.001: 2.0157746061213024, 100.5: 4.605174352581845, 1e300: 690.7755278982137, -1e-20: 1e20,
        -1.5: 0.7031566406452432, -3.1: 10.952935080495616, -10.3: 4.662403493582087,
        -100.7: 2.334602156719901,
    }  # fmt: skip
    check(call(special.digamma, list(table)), list(table.values()))
    check(call(special.digamma, [-0.5, -0.504]), [0.03648997397857652, 0.0007420716047053968], 0, 1e-15)


def test_digamma_is_the_slope_of_lgamma() -> None:
    x = np.concatenate([np.linspace(-4.75, -0.25, 10), np.linspace(0.3, 12, 118)])
    h = 1e-5
    slope = (call(special.lgamma, x + h) - call(special.lgamma, x - h)) / (2 * h)
    np.testing.assert_allclose(call(special.digamma, x), slope, rtol=1e-7, atol=1e-8)


def test_polygamma_closed_forms() -> None:
    pi = math.pi
    check(
        call(special.polygamma, [1.0, 0.5, 0.25, -0.5], 1),
        [pi**2 / 6, pi**2 / 2, pi**2 + 8 * CATALAN, pi**2 / 2 + 4],
    )
    check(call(special.polygamma, [1.0, 0.5, -0.5], 2), [-2 * ZETA3, -14 * ZETA3, 16 - 14 * ZETA3], 2e-15, 2e-14)
    check(call(special.polygamma, [1.0, 0.5, -0.5], 3), [pi**4 / 15, pi**4, pi**4 + 96])


@pytest.mark.parametrize(
    ("n", "wanted"),
    [
        (1, [10000000001.644909, 0.9348022005446793, 0.10516633568168575, 0.0010005001666666333,
             1.00000000005e-10, 13.945160267805722, 1000002.8950948354, 19.61814433435229]),
        (2, [-2000000000000002.0, -0.82879664423432, -0.011049834970802067, -1.0010004999998333e-06,
             -1.0000000001e-20, 67.63908119988317, 1999999999.833678, -124.03974558822776]),
        (3, [5.999999999999999e20, 1.4090910340024372, 0.0023199013042898686, 2.003001999999e-09,
             2.0000000003e-30, 766.6198904191685, 6000000000015.513, 1558.5419205916066]),
    ],
)  # fmt: skip
def test_polygamma_values(n: int, wanted: list[float]) -> None:
    check(call(special.polygamma, [1e-5, 1.5, 10.0, 1e3, 1e10, -0.3, -2.001, -7.75], n), wanted)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_recurrence(n: int) -> None:
    """ψ⁽ⁿ⁾(x + 1) - ψ⁽ⁿ⁾(x) = (-1)ⁿ n! / xⁿ⁺¹ on both sides of 0."""
    x = np.concatenate([np.linspace(-9.7, -0.1, 95), np.linspace(0.1, 15, 150)])
    x = x[np.abs(x - np.rint(x)) > 0.05]
    step = (-1) ** n * math.factorial(n) / x ** (n + 1)
    after, before = call(special.polygamma, x + 1, n), call(special.polygamma, x, n)
    error = np.abs(after - before - step) / (np.abs(after) + np.abs(before))
    assert error.max() < 1e-13 * n  # x + 1 is rounded


def test_polygamma_is_the_slope_of_the_one_before() -> None:
    x, h = np.array([-3.3, -0.6, 0.4, 1.7, 6.0, 20.0]), 1e-4
    for n in (1, 2, 3):
        slope = (call(special.polygamma, x + h, n - 1) - call(special.polygamma, x - h, n - 1)) / (2 * h)
        np.testing.assert_allclose(call(special.polygamma, x, n), slope, rtol=2e-5)


@pytest.mark.parametrize(
    ("function", "table"),
    [
        (special.erf, {0.0: 0.0, INF: 1.0, -INF: -1.0, NAN: NAN, 1e308: 1.0, 5e-324: 5e-324}),
        (special.erfc, {0.0: 1.0, INF: 0.0, -INF: 2.0, NAN: NAN, 1e308: 0.0, 5e-324: 1.0}),
        (special.erfinv, {0.0: 0.0, 1.0: INF, -1.0: -INF, 1.5: NAN, -INF: NAN, NAN: NAN,
                          5e-324: 5e-324, -5e-324: -5e-324}),
        (special.lgamma, {1.0: 0.0, 2.0: 0.0, 0.0: INF, -1.0: INF, -2.0: INF, INF: INF, -INF: INF,
                          NAN: NAN, 1e308: INF, -1e308: INF, -3e305: INF, -1e20: INF}),
        (special.digamma, {0.0: -INF, -1.0: NAN, -2.0: NAN, INF: INF, -INF: NAN, NAN: NAN,
                           1e308: 709.1962086421661, 5e-324: -INF, -1e-310: INF, -1e20: NAN}),
        (trigamma, {0.0: INF, -1.0: INF, -2.0: INF, INF: 0.0, -INF: NAN, NAN: NAN, 1e308: 1e-308,
                    5e-324: INF, -5e-324: INF}),
    ],
)  # fmt: skip
def test_special_values(function: Callable[[Any], Any], table: dict[float, float]) -> None:
    """As PyTorch, but exact where its trigamma answers 1e32 at a pole."""
    found, wanted = call(function, list(table)), np.array(list(table.values()))
    np.testing.assert_allclose(found, wanted, rtol=1e-15)
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


def test_negative_zero() -> None:
    zeros = [0.0, -0.0]
    np.testing.assert_array_equal(np.signbit(call(special.erf, zeros)), [False, True])
    np.testing.assert_array_equal(np.signbit(call(special.erfinv, zeros)), [False, True])
    np.testing.assert_array_equal(call(special.erfc, zeros), [1, 1])
    np.testing.assert_array_equal(call(special.lgamma, zeros), [INF, INF])
    np.testing.assert_array_equal(call(special.digamma, zeros), [-INF, INF])
    np.testing.assert_array_equal(call(special.polygamma, zeros, 1), [INF, INF])
    np.testing.assert_array_equal(call(special.polygamma, zeros, 2), [-INF, -INF])


def test_polygamma_at_its_poles_and_infinities() -> None:
    x = [-1.0, -7.0, INF, -INF, NAN]
    np.testing.assert_array_equal(call(special.polygamma, x, 2), [-INF, -INF, 0, NAN, NAN])
    np.testing.assert_array_equal(call(special.polygamma, x, 3), [INF, INF, 0, NAN, NAN])
    np.testing.assert_array_equal(call(special.polygamma, [0.7, -0.7], 0), call(special.digamma, [0.7, -0.7]))


@pytest.mark.parametrize("function", [*FUNCTIONS, trigamma])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_narrow_dtypes_are_the_rounded_float64(function: Callable[[Any], Any], dtype: Any, device: str) -> None:
    x = np.linspace(-0.95, 0.95, 60).reshape(5, 12).astype(dtype)
    given = backend.to_device(x, backend.device(device))[:, ::2]  # not contiguous
    with np.errstate(all="ignore"):
        found = function(given)
    assert found.dtype == dtype and backend.is_cuda(found) == (device == "cuda")
    wanted = call(function, x[:, ::2].astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(
        backend.asnumpy(found).astype(np.float64),
        wanted.astype(np.float64),
        rtol=float(ml_dtypes.finfo(dtype).eps),
    )
    np.testing.assert_array_equal(backend.asnumpy(given), x[:, ::2])  # the argument is as it was


@pytest.mark.parametrize("function", [*FUNCTIONS, trigamma])
def test_scalars_and_empty_arrays(function: Callable[[Any], Any]) -> None:
    point, nothing = call(function, 0.3), call(function, np.zeros((0, 3)))
    assert isinstance(point, np.ndarray) and point.shape == () and point == call(function, [0.3])[0]
    assert nothing.shape == (0, 3) and nothing.dtype == np.float64
