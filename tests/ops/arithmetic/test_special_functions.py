import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.ops.arithmetic import special
from tests.harness import check_dtypes, check_op

inf = math.inf
ANY = np.linspace(-2.6, 2.6, 12).reshape(3, 4)
POSITIVE = np.linspace(0.3, 5.1, 12).reshape(3, 4)

TABLE = [
    (gp.erf, np.vectorize(math.erf, otypes=[float]), ANY),
    (gp.erfc, np.vectorize(math.erfc, otypes=[float]), ANY),
    (gp.lgamma, np.vectorize(math.lgamma, otypes=[float]), POSITIVE),
    (gp.lgamma, np.vectorize(math.lgamma, otypes=[float]), POSITIVE - 6),
    (gp.erfinv, special.erfinv, ANY / 2.7),
    (gp.digamma, special.digamma, POSITIVE),
    (gp.digamma, special.digamma, POSITIVE - 6),
]


@pytest.mark.parametrize(("op", "reference", "values"), TABLE)
def test_unary(op, reference, values, device):
    for x in (values, values[0, 0], values[:0]):
        check_op(op, reference, [x], device, gradient_rtol=1e-5)
    check_dtypes(op, reference, [values], device)
    assert op(gp.tensor([1, 2], device=device)).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got float"):
        op(2.0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_polygamma_is_the_derivative_of_the_one_before(n, device):
    check_op(lambda x: gp.polygamma(n, x), lambda x: special.polygamma(n, x), [POSITIVE], device, gradient_rtol=1e-4)
    x = gp.tensor(POSITIVE, device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.polygamma(n - 1, x).sum(), [x])
    np.testing.assert_allclose(grad.cpu().numpy(), special.polygamma(n, POSITIVE), rtol=1e-13)


def test_order_is_not_negative():
    with pytest.raises(ArgumentError, match=r"polygamma\(n, x\) does not support negative n, got -1"):
        gp.polygamma(-1, gp.tensor([1.0]))


def test_poles(device):
    x = gp.tensor([0.0, -1.0], device=device)
    assert gp.lgamma(x).tolist() == [inf, inf]
    assert gp.digamma(x)[0].item() == -inf
    assert math.isnan(gp.digamma(x)[1].item())
    assert gp.erfinv(gp.tensor([1.0, -1.0, 0.0], device=device)).tolist() == [inf, -inf, 0]
    assert math.isnan(gp.erfinv(gp.tensor(1.5, device=device)).item())


WIDE = [-700.3, -40.5, -9.0, -8.75, -2.5, -2.001, -1e-9, -0.0, 0.0, 1e-9, 0.3, 0.999, 1.4616321449683623, 7.999, 8.0]
WIDE += [20.5, 1e10, inf, -inf, math.nan]
UNIT = [-1.0, -0.999999, -0.85, -1e-9, 0.0, 0.3, 0.4999, 0.8501, 0.9999, 1.0, 1.5, -inf, math.nan]
FUNCTIONS = [
    *((gp.erf, special.erf, WIDE), (gp.erfc, special.erfc, WIDE), (gp.erfinv, special.erfinv, UNIT)),
    *((gp.lgamma, special.lgamma, WIDE), (gp.digamma, special.digamma, WIDE)),
    *[(lambda x, n=n: gp.polygamma(n, x), lambda x, n=n: special.polygamma(n, x), WIDE) for n in (1, 2, 3, 5, 8)],
]


@pytest.mark.parametrize(("op", "reference", "values"), FUNCTIONS)
def test_all_magnitudes(op, reference, values, device):
    """Each device has the values of the reference, in each precision: those of float32 to 4 units, as in PyTorch."""
    for dtype, rtol in ((gp.float64, 1e-14), (gp.float32, 5e-7), (gp.float16, 1e-3)):
        with np.errstate(all="ignore"):
            given = np.array(values).astype(dtype.numpy)
            wanted = reference(given.astype(np.float64)).astype(dtype.numpy)
            found = op(gp.tensor(given, device=device)).cpu().numpy()
        np.testing.assert_allclose(
            found.astype(float), wanted.astype(float), rtol=rtol, atol=float(gp.finfo(dtype).tiny)
        )


def test_slopes(device):
    """Of the functions and of their derivatives, as the formulas of the tables give them."""
    x = np.array([-2.3, -0.6, 0.4, 0.9, 3.2, 11.1])
    table = [
        (gp.erf, x, 2 / np.sqrt(np.pi) * np.exp(-x * x)),
        (gp.erfc, x, -2 / np.sqrt(np.pi) * np.exp(-x * x)),
        (gp.erfinv, x[1:4], np.sqrt(np.pi) / 2 * np.exp(special.erfinv(x[1:4]) ** 2)),
        (gp.lgamma, x, special.digamma(x)),
        (gp.digamma, x, special.polygamma(1, x)),
        (lambda x: gp.polygamma(2, x), x, special.polygamma(3, x)),
    ]
    for op, at, wanted in table:
        given = gp.tensor(at, device=device, requires_grad=True)
        (found,) = gp.autograd.grad(op(given).sum(), given)
        np.testing.assert_allclose(found.cpu().numpy(), wanted, rtol=1e-13)
