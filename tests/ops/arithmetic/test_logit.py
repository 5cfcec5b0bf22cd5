import math

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

INSIDE = np.linspace(0.02, 0.97, 12).reshape(3, 4)


@pytest.mark.parametrize("eps", [None, 0.1])
def test_values_and_derivatives(eps, device):
    def reference(x):
        y = x if eps is None else np.clip(x, eps, 1 - eps)
        return np.log(y / (1 - y))

    check_op(lambda x: gp.logit(x, eps), reference, [INSIDE], device, gradient_rtol=1e-5)
    check_dtypes(lambda x: x.logit(eps), reference, [INSIDE], device)


def test_no_digit_is_lost_where_it_is_zero(device):
    x = 0.5 + np.array([0.0, 1e-9, -3e-12])
    found = gp.logit(gp.tensor(x, device=device)).cpu().numpy()
    np.testing.assert_allclose(found, 4 * (x - 0.5), rtol=1e-13)


def test_outside(device):
    x = gp.tensor([-0.1, 0.0, 1.0, 1.1], device=device, requires_grad=True)
    y = x.logit()
    assert y.tolist()[1:3] == [-math.inf, math.inf] and y.isnan().tolist() == [True, False, False, True]
    assert gp.autograd.grad(y.sum(), x)[0].isnan().tolist() == [True, False, False, True]
    (slope,) = gp.autograd.grad(x.logit(eps=0.2).sum(), x)
    assert slope.tolist() == [0, 0, 0, 0]


def test_in_place_and_integers(device):
    x = gp.tensor([0.25, 0.75], device=device)
    assert x.logit_() is x
    np.testing.assert_allclose(x.cpu().numpy(), [-math.log(3), math.log(3)], rtol=1e-6)
    assert gp.logit(gp.tensor([1], device=device)).tolist() == [math.inf]
