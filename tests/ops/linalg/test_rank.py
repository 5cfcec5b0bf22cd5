import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ShapeError
from tests.harness import check_op

RNG = np.random.default_rng(3)
A = RNG.standard_normal((2, 3, 3))
LOW = A[:, :, :2] @ RNG.standard_normal((2, 2, 3))  # of rank 2


@pytest.mark.parametrize("matrices", [A, LOW, A[0, :2], np.zeros((2, 3)), np.zeros((0, 3)), np.zeros((2, 3, 0))])
def test_matrix_rank(matrices, device):
    found = gp.linalg.matrix_rank(gp.tensor(matrices, device=device))
    assert found.dtype is gp.int64 and not found.requires_grad
    np.testing.assert_array_equal(found.cpu().numpy(), np.linalg.matrix_rank(matrices) if matrices.size else 0)


def test_tolerances_of_the_rank(device):
    x = gp.tensor(np.diag([4.0, -1.0, 0.1]), device=device)
    assert gp.linalg.matrix_rank(x, 0.5).item() == 2
    assert gp.linalg.matrix_rank(x, rtol=0.3).item() == 1
    assert gp.linalg.matrix_rank(x, atol=0.05, rtol=0.3).item() == 1
    assert gp.linalg.matrix_rank(x, hermitian=True, atol=0.5).item() == 2
    each = gp.tensor([0.5, 2.0], dtype=gp.float64, device=device)
    assert gp.linalg.matrix_rank(x.expand(2, 3, 3), atol=each).tolist() == [2, 1]
    with pytest.raises(ArgumentError, match="give tol alone"):
        gp.linalg.matrix_rank(x, 0.5, rtol=0.1)
    with pytest.raises(ShapeError, match="square"):
        gp.linalg.matrix_rank(x[:2], hermitian=True)


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, float("inf"), -float("inf"), "fro", "nuc"])
def test_cond(p, device):
    check_op(lambda x: gp.linalg.cond(x, p), lambda x: np.linalg.cond(x, p), [A], device, derivatives=1)


def test_cond_of_singular_matrices(device):
    x = gp.tensor(np.stack([np.eye(2), np.ones((2, 2))]), device=device)
    np.testing.assert_allclose(gp.linalg.cond(x, 1).cpu().numpy(), [1, np.inf])
    assert gp.linalg.cond(x).cpu().numpy()[1] > 1e15
    assert gp.linalg.cond(gp.ones(2, 0, 0, device=device), "fro").tolist() == [0, 0]


def test_errors_of_cond():
    with pytest.raises(ArgumentError, match="invalid norm type: 3"):
        gp.linalg.cond(gp.eye(2), 3)
    with pytest.raises(ShapeError, match="square"):
        gp.linalg.cond(gp.ones(2, 3), 1)
