"""gpunn.special: each name gives what SciPy's function of the name gives."""

import numpy as np
import pytest
from scipy import special as exact

import gpunn as gp

X = np.linspace(0.05, 0.95, 10)
SAME = ["exp2", "expm1", "expit", "log1p", "logit", "digamma", "psi", "erf", "erfc", "erfinv", "gammaln", "i0", "i1"]


@pytest.mark.parametrize("name", SAME)
def test_values(name, device):
    found = getattr(gp.special, name)(gp.tensor(X, device=device))
    np.testing.assert_allclose(found.cpu().numpy(), getattr(exact, name)(X), rtol=1e-13)


def test_functions_with_other_arguments(device):
    x = gp.tensor(X, device=device)
    np.testing.assert_allclose(gp.special.xlogy(x, x).cpu().numpy(), exact.xlogy(X, X), rtol=1e-13)
    np.testing.assert_allclose(gp.special.polygamma(2, x).cpu().numpy(), exact.polygamma(2, X), rtol=1e-13)
    np.testing.assert_allclose(gp.special.sinc(x).cpu().numpy(), np.sinc(X), rtol=1e-13)
    assert gp.special.round(x, decimals=1).tolist() == np.round(X, 1).tolist()
