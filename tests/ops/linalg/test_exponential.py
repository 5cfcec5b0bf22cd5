import numpy as np
import pytest
from scipy.linalg import expm

import gpunn as gp
from gpunn.errors import DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

RNG = np.random.default_rng(7)


def reference(a):
    return np.array([expm(x) for x in a.reshape(-1, *a.shape[-2:])]).reshape(a.shape)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 2, 2)])
def test_matrix_exp(shape, device):
    a = RNG.standard_normal(shape)
    check_op(gp.matrix_exp, reference, [a], device, rtol=1e-11, gradient_rtol=1e-5)
    check_op(gp.linalg.matrix_exp, reference, [a], device, rtol=1e-11, derivatives=0)
    check_dtypes(gp.matrix_exp, reference, [a], device, factor=20)


def test_matrices_of_one_batch_are_scaled_one_by_one(device):
    """As many squarings as the largest needs would cost the smallest its digits."""
    a = np.stack([RNG.standard_normal((3, 3)) * scale for scale in (1e-8, 1.0, 50.0)])
    a[2] = -a[2] @ a[2].T / 50
    found = gp.matrix_exp(gp.tensor(a, device=device)).cpu().numpy()
    for mine, x in zip(found, a, strict=True):
        np.testing.assert_allclose(mine, expm(x), rtol=1e-12, atol=1e-15)


def test_known_forms(device):
    turn = gp.tensor([[0.0, -np.pi / 3], [np.pi / 3, 0.0]], device=device, dtype=gp.float64)
    np.testing.assert_allclose(turn.matrix_exp().cpu().numpy(), [[0.5, -(0.75**0.5)], [0.75**0.5, 0.5]], rtol=1e-14)
    nilpotent = gp.tensor([[0.0, 1e6], [0.0, 0.0]], device=device)
    assert nilpotent.matrix_exp().tolist() == [[1, 1e6], [0, 1]]
    assert gp.matrix_exp(gp.zeros(2, 0, 0, device=device)).shape == (2, 0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite(bad, device):
    x = gp.eye(2, device=device).repeat(2, 1, 1)
    x[0, 0, 1] = bad
    found = x.matrix_exp()
    assert found[0].isnan().all().item()
    np.testing.assert_allclose(found[1].cpu().numpy(), np.eye(2) * np.e, rtol=1e-6)


def test_errors():
    with pytest.raises(ShapeError, match=r"linalg.matrix_exp: A must be batches of square matrices"):
        gp.linalg.matrix_exp(gp.ones(2, 3))
    with pytest.raises(DtypeError, match="matrix_exp: Expected a floating point tensor"):
        gp.matrix_exp(gp.ones(2, 2).long())
