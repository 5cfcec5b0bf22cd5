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
