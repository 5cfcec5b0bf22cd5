import numpy as np
import pytest
from scipy import special as exact

import gpunn as gp
from gpunn.errors import ArgumentTypeError
from gpunn.ops.arithmetic import bessel
from tests.harness import check_dtypes, check_op

WIDE = np.concatenate([np.linspace(-40, 40, 161), [-700, -1e-9, 0, 1e-300, 8, 709]])
TABLE = [(bessel.i0, exact.i0), (bessel.i1, exact.i1)]


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_values_and_derivatives(op, reference, device):
    near, far = np.linspace(-3, 3.1, 12).reshape(3, 4), np.array([-12.0, 8.5, 20])
    for x in (near, near[0, 0], near[:0]):
        check_op(op, reference, [x], device, rtol=1e-13, gradient_rtol=1e-5)
    check_op(lambda x: op(x) * 1e-6, lambda x: reference(x) * 1e-6, [far], device, gradient_rtol=1e-4)
    check_dtypes(op, reference, [near], device)
    assert op(gp.tensor([1, 2], device=device)).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got float"):
        op(2.0)


@pytest.mark.parametrize(("values", "reference"), [(bessel.i0_values, exact.i0), (bessel.i1_values, exact.i1)])
def test_all_digits_up_to_the_largest_number(values, reference):
    with np.errstate(all="ignore"):
        found = values(WIDE)
    np.testing.assert_allclose(found, reference(WIDE), rtol=1e-14)  # SciPy's own error at 700 is 5e-15


def test_the_largest_results(device):
    """e^x overflows at 709.8, I₀(x) = e^x / √(2πx) (1 + 1/8x + 9/128x² + …) at 713.98."""
    x = gp.tensor([712.0], device=device, dtype=gp.float64)
    series = 1 + 1 / (8 * 712) + 9 / (128 * 712**2) + 75 / (1024 * 712**3)
    np.testing.assert_allclose(gp.i0(x).log().item(), 712 - np.log(2 * np.pi * 712) / 2 + np.log(series), rtol=1e-15)


def test_special_values(device):
    x = gp.tensor([0.0, np.inf, -np.inf, np.nan, 800.0], device=device)
    assert gp.i0(x).tolist()[:3] == [1, np.inf, np.inf] and gp.i0(x)[4].item() == np.inf
    assert bessel.i1(x).tolist()[:3] == [0, np.inf, -np.inf]
    assert gp.i0(x).isnan().tolist() == bessel.i1(x).isnan().tolist() == [False, False, False, True, False]


def test_slope_at_zero(device):
    x = gp.zeros(1, device=device, requires_grad=True)
    (slope,) = gp.autograd.grad(bessel.i1(x), x)
    assert slope.item() == 0.5


def test_in_place(device):
    x = gp.tensor([0.5, 20.0], device=device)
    want = gp.i0(x).tolist()
    assert x.i0_() is x and x.tolist() == want
