import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (2, 4, 4), (2, 1, 3, 3)])
def test_determinant(shape, device):
    a = RNG.standard_normal(shape)
    check_op(gp.linalg.det, np.linalg.det, [a], device, gradient_rtol=1e-5)
    check_op(gp.det, np.linalg.det, [a], device, derivatives=0)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_both_derivatives_of_singular_matrices(rank, device):
    """det is a polynomial: it has derivatives whatever the rank is."""
    a = RNG.standard_normal((2, 4, rank)) @ RNG.standard_normal((2, rank, 4))
    check_op(lambda x: gp.linalg.det(x), np.linalg.det, [a], device, rtol=1e-10, gradient_rtol=1e-5)


def test_gradient_is_the_matrix_of_cofactors(device):
    x = gp.tensor([[1.0, 2.0], [2.0, 4.0]], device=device, dtype=gp.float64, requires_grad=True)
    (grad,) = gp.autograd.grad(x.det(), x)
    np.testing.assert_allclose(grad.cpu().numpy(), [[4, -2], [-2, 1]], atol=1e-14)


def test_the_third_derivative_is_refused(device):
    x = gp.eye(3, device=device, requires_grad=True)
    first = gp.autograd.grad(x.det(), x, create_graph=True)[0]
    second = gp.autograd.grad(first.sum(), x, create_graph=True)[0]
    with pytest.raises(NotImplementedError, match="this is the third"):
        second.sum().backward()


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4)])
def test_logarithm(shape, device):
    a = RNG.standard_normal(shape) + np.eye(shape[-1])

    def reference(x):
        return tuple(np.linalg.slogdet(x))

    check_op(lambda x: gp.linalg.slogdet(x)[1], lambda x: reference(x)[1], [a], device, gradient_rtol=1e-5)
    check_op(gp.slogdet, reference, [a], device, derivatives=0)


def test_logarithm_of_what_no_float_can_hold(device):
    x = gp.eye(500, device=device) * 10
    found = x.slogdet()
    assert found._fields == ("sign", "logabsdet")
    assert found.sign.item() == 1
    assert abs(found.logabsdet.item() - 500 * np.log(10)) < 1e-2
    sign, log = gp.linalg.slogdet(gp.zeros(2, 2, device=device))
    assert (sign.item(), log.item()) == (0, -np.inf)


def test_logarithm_has_no_gradient_where_the_determinant_is_zero(device):
    x = gp.zeros(2, 2, device=device, requires_grad=True)
    with pytest.raises(gp.linalg.LinAlgError, match=r"slogdet: .*singular"):
        gp.linalg.slogdet(x).logabsdet.backward()


def test_logdet(device):
    a = RNG.standard_normal((2, 3, 3))
    a = a @ a.swapaxes(-1, -2) + np.eye(3)
    check_op(gp.logdet, lambda x: np.linalg.slogdet(x)[1], [a], device, gradient_rtol=1e-5)
    assert gp.tensor([[[2.0]], [[0.0]]], device=device).logdet().tolist() == [np.float32(np.log(2)), -np.inf]
    assert gp.logdet(gp.tensor([[-1.0]], device=device)).isnan().item()
    with pytest.raises(RuntimeError, match="logdet: A must be batches of square matrices"):
        gp.logdet(gp.ones(2, 3))
