import math

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3)])
def test_cholesky(shape, device):
    a = RNG.standard_normal(shape)

    def positive(x):
        return x @ x.mT + 0.5 * gp.eye(shape[-1], dtype=gp.float64, device=device)

    def lower(x):
        return np.linalg.cholesky(x @ x.mT + 0.5 * np.eye(shape[-1]))

    check_op(lambda x: gp.linalg.cholesky(positive(x)), lower, [a], device, rtol=1e-11, gradient_rtol=1e-5)
    check_op(lambda x: gp.linalg.cholesky(positive(x), upper=True), lambda x: lower(x).mT, [a], device, rtol=1e-11)
    check_op(lambda x: positive(x).cholesky(True), lambda x: lower(x).mT, [a], device, rtol=1e-11, derivatives=0)


def test_the_gradient_is_symmetric(device):
    x = gp.tensor([[4.0, 2.0], [2.0, 3.0]], device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.linalg.cholesky(x)[1, 0], x)  # x10 / √x00, half of it from x01
    np.testing.assert_allclose(grad.cpu().numpy(), [[-2 / 16, 0.25], [0.25, 0]], rtol=1e-6)


@pytest.mark.parametrize("upper", [False, True])
def test_one_triangle_is_read(upper, device):
    a = np.array([[4.0, 9.0], [2.0, 3.0]])
    x = gp.tensor(a.T if upper else a, device=device)
    found = gp.linalg.cholesky(x, upper=upper)
    wanted = np.linalg.cholesky([[4.0, 2.0], [2.0, 3.0]])
    np.testing.assert_allclose(found.cpu().numpy(), wanted.T if upper else wanted, rtol=1e-15)


@pytest.mark.parametrize("bad", [np.diag([1.0, -1.0, 1.0]), np.diag([1.0, 0.0, 1.0]), -np.eye(3)])
def test_not_positive_definite(bad, device):
    x = gp.tensor(np.stack([np.eye(3), bad]), device=device)
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.cholesky: \(Batch element 1\): .*not positive-definite"):
        gp.linalg.cholesky(x)
    with pytest.raises(gp.linalg.LinAlgError, match=r"cholesky: The factorization .*\(3, 3\)"):
        x[1].cholesky()


@pytest.mark.parametrize("upper", [True, False])
def test_what_a_factor_solves(upper, device):
    a = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
    factor = np.linalg.cholesky(a).T.copy() if upper else np.linalg.cholesky(a)
    b = np.random.default_rng(0).standard_normal((2, 3, 2))

    def whole(factor):
        return factor.mT @ factor if upper else factor @ factor.mT

    check_op(
        lambda b, f: gp.cholesky_solve(b, f, upper),
        lambda b, f: np.linalg.solve(np.broadcast_to(whole(f), (2, 3, 3)), b),
        [b, factor],
        device,
        derivatives=0,
    )
    x, f = (gp.tensor(t, device=device, requires_grad=True) for t in (b, factor))
    for found, wanted in (
        (gp.cholesky_solve(x, f, upper), gp.linalg.solve(whole(f), x)),
        (gp.cholesky_inverse(f, upper), gp.linalg.inv(whole(f))),
    ):
        np.testing.assert_allclose(found.detach().cpu().numpy(), wanted.detach().cpu().numpy(), atol=1e-12)
        ours, theirs = (gp.autograd.grad((y**3).sum(), f, create_graph=True)[0] for y in (found, wanted))
        np.testing.assert_allclose(ours.detach().cpu().numpy(), theirs.detach().cpu().numpy(), atol=1e-12)
        again = [gp.autograd.grad((g**2).sum(), f)[0].cpu().numpy() for g in (ours, theirs)]
        np.testing.assert_allclose(again[0], again[1], rtol=1e-9)


def test_errors_of_what_a_factor_solves():
    with pytest.raises(RuntimeError, match="needs 3 rows"):
        gp.cholesky_solve(gp.ones(2, 1), gp.eye(3))
    with pytest.raises(RuntimeError, match="square"):
        gp.cholesky_inverse(gp.ones(2, 3))
    with pytest.raises(gp.linalg.LinAlgError, match="singular"):
        gp.cholesky_inverse(gp.zeros(2, 2))
    with pytest.raises(RuntimeError, match="do not broadcast"):
        gp.cholesky_solve(gp.ones(2, 3, 1), gp.ones(4, 3, 3))


def test_nan_has_no_factor(device):
    good = gp.eye(2, device=device)
    for place in ((0, 0), (1, 0), (1, 1)):
        bad = good.clone()
        bad[place] = math.nan
        with pytest.raises(RuntimeError, match="not positive-definite"):
            gp.linalg.cholesky(gp.stack([good, bad]))
    good[0, 1] = math.nan  # in the triangle that is not read
    assert gp.linalg.cholesky(good).tolist() == [[1.0, 0.0], [0.0, 1.0]]
