import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op, run

RNG = np.random.default_rng(9)
SHAPES = [(1, 1), (3, 3), (5, 3), (3, 5), (2, 4, 2), (2, 2, 4), (0, 3), (3, 0), (2, 0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_qr(shape, device):
    a = RNG.standard_normal(shape)
    check_op(gp.linalg.qr, lambda x: tuple(np.linalg.qr(x)), [a], device, gradient_rtol=1e-5)
    check_op(gp.qr, lambda x: tuple(np.linalg.qr(x)), [a], device, derivatives=0)
    for i in range(2):
        check_op(lambda x, i=i: gp.linalg.qr(x)[i], lambda x, i=i: np.linalg.qr(x)[i], [a], device, gradient_rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_complete(shape, device):
    a = RNG.standard_normal(shape)
    q, r = run(lambda x: gp.linalg.qr(x, "complete"), [a], device)
    m = shape[-2]
    assert q.shape == (*shape[:-1], m)
    assert r.shape == shape
    np.testing.assert_allclose(q @ r, a, atol=1e-14)
    np.testing.assert_allclose(q.mT @ q, np.broadcast_to(np.eye(m), q.shape), atol=1e-14)
    if m <= shape[-1]:
        check_op(lambda x: x.qr(some=False), lambda x: tuple(np.linalg.qr(x, "complete")), [a], device)


def test_r_alone(device):
    a = RNG.standard_normal((2, 4, 3))
    q, r = gp.linalg.qr(gp.tensor(a, device=device, requires_grad=True), mode="r")
    assert q.shape == (0,)
    np.testing.assert_allclose(r.detach().cpu().numpy(), np.linalg.qr(a, "r"), rtol=1e-14)
    with pytest.raises(RuntimeError, match="not computed when mode='r'"):
        r.sum().backward()


def test_errors(device):
    x = gp.ones(4, 3, device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match="unrecognized mode 'full' but expected"):
        gp.linalg.qr(x, "full")
    with pytest.raises(NotImplementedError, match="mode='complete' and nrows > ncols"):
        gp.linalg.qr(x, "complete").Q.sum().backward()
