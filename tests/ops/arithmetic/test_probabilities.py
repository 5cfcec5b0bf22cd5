import numpy as np
import pytest
from scipy import special as exact

import gpunn as gp
from tests.harness import check_dtypes, check_op

NEAR = np.linspace(-3, 3.1, 12).reshape(3, 4)


def test_ndtr(device):
    check_op(gp.special.ndtr, exact.ndtr, [NEAR], device)
    check_dtypes(gp.special.ndtr, exact.ndtr, [NEAR], device)
    far = np.array([-37.0, -20, -9, 9, np.inf, -np.inf])
    np.testing.assert_allclose(
        gp.special.ndtr(gp.tensor(far, device=device)).cpu().numpy(), exact.ndtr(far), rtol=1e-12
    )
    assert gp.special.ndtr(gp.tensor([0], device=device)).tolist() == [0.5]


def test_entr(device):
    check_op(gp.special.entr, exact.entr, [abs(NEAR)], device)
    check_dtypes(gp.special.entr, exact.entr, [abs(NEAR)], device)
    found = gp.special.entr(gp.tensor([0.0, -1.0, float("nan"), 1.0], device=device)).tolist()
    assert found[:2] == [0, -np.inf] and np.isnan(found[2]) and found[3] == 0
    assert gp.special.entr(gp.tensor([1, 0, -1], device=device)).tolist() == [0, 0, -np.inf]


@pytest.mark.parametrize("p", [1, 3])
def test_mvlgamma(p, device):
    x = np.linspace(p / 2, p + 3, 6)
    check_op(lambda x: gp.mvlgamma(x, p), lambda x: exact.multigammaln(x, p), [x], device, derivatives=0)
    check_op(lambda x: gp.special.multigammaln(x, p), lambda x: exact.multigammaln(x, p), [x + 0.2], device)
    check_dtypes(lambda x: gp.mvlgamma(x, p), lambda x: exact.multigammaln(x, p), [x + 0.2], device)
    with pytest.raises(RuntimeError, match="greater than or equal to 1"):
        gp.mvlgamma(gp.ones(2), 0)
    with pytest.raises(TypeError, match="boolean"):
        gp.mvlgamma(gp.ones(2, dtype=gp.bool), p)
