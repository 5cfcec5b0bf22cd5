import numpy as np
import pytest

import gpunn as gp

GOOD, SINGULAR, INDEFINITE = [[4.0, 2], [2, 3]], [[1.0, 2], [2, 4]], [[1.0, 2], [2, 1]]
NAN = [[np.nan] * 2] * 2


def test_inverses(device):
    x = gp.tensor([GOOD, SINGULAR, np.zeros((2, 2))], dtype=gp.float64, device=device, requires_grad=True)
    found = gp.linalg.inv_ex(x)
    np.testing.assert_allclose(found.inverse.tolist(), [np.linalg.inv(GOOD), NAN, NAN], rtol=1e-12)
    assert found.info.tolist() == [0, 2, 1] and found.info.dtype is gp.int32
    found.inverse[0].sum().backward()
    y = gp.tensor(GOOD, dtype=gp.float64, requires_grad=True)
    gp.linalg.inv(y).sum().backward()
    np.testing.assert_allclose(x.grad[0].tolist(), y.grad.tolist())
    assert gp.linalg.inv_ex(x[:1]).info.tolist() == [0]
    with pytest.raises(gp.linalg.LinAlgError):
        gp.linalg.inv_ex(x, check_errors=True)


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_factors(upper, device):
    x = gp.tensor([[GOOD, INDEFINITE], [-np.eye(2), GOOD]], dtype=gp.float64, device=device)
    found = gp.linalg.cholesky_ex(x, upper=upper)
    factor = np.linalg.cholesky(GOOD)
    factor = factor.T if upper else factor
    np.testing.assert_allclose(found.L.tolist(), [[factor, NAN], [NAN, factor]], rtol=1e-12)
    assert found.info.tolist() == [[0, 2], [1, 0]] and found.info.dtype is gp.int32
    with pytest.raises(gp.linalg.LinAlgError):
        gp.linalg.cholesky_ex(x, check_errors=True)


def test_the_first_bad_minor_of_a_large_matrix():
    for order in (1, 7, 20):
        matrix = np.eye(20)
        matrix[order - 1, order - 1] = -1
        assert gp.linalg.cholesky_ex(gp.tensor(matrix)).info.item() == order


@pytest.mark.parametrize("call", [gp.linalg.inv_ex, gp.linalg.cholesky_ex])
def test_edges(call):
    assert call(gp.ones(0, 2, 2)).info.shape == (0,) and call(gp.ones(0, 0)).info.item() == 0
    with pytest.raises(RuntimeError, match=f"linalg.{call.__name__}: A must be batches of square matrices"):
        call(gp.ones(2, 3))
