import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op, run

RNG = np.random.default_rng(11)


def symmetric(x):
    return x + x.mT


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3)])
@pytest.mark.parametrize("triangle", ["L", "U", "u"])
def test_eigh(shape, triangle, device):
    """The vectors are compared by their projections, which know no sign."""
    weight = np.linspace(0.3, 1, shape[-1])
    scale = gp.tensor(weight, device=device)

    def mine(x):
        values, vectors = gp.linalg.eigh(symmetric(x), UPLO=triangle)
        return values, (vectors * scale) @ vectors.mT

    def reference(x):
        values, vectors = np.linalg.eigh(symmetric(x))
        return values, (vectors * weight) @ vectors.mT

    a = RNG.standard_normal(shape)
    check_op(mine, reference, [a], device, rtol=1e-11, gradient_rtol=1e-5)
    check_op(lambda x: mine(x)[0], lambda x: reference(x)[0], [a], device, gradient_rtol=1e-5)


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_one_triangle_is_read(triangle, device):
    a = RNG.standard_normal((3, 3))
    half = np.tril(a) if triangle == "L" else np.triu(a)
    whole = half + half.T - np.diag(np.diag(a))
    values, vectors = run(lambda x: gp.linalg.eigh(x, triangle), [a], device)
    np.testing.assert_allclose(whole @ vectors, vectors * values, atol=1e-13)
    assert (np.diff(values) > 0).all()


def test_values_have_a_gradient_where_they_are_equal(device):
    x = gp.eye(3, device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.linalg.eigh(x).eigenvalues.sum(), x)  # the trace
    np.testing.assert_allclose(grad.cpu().numpy(), np.eye(3), atol=1e-6)


def test_what_is_no_number_has_no_eigenvalues(device):
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.eigh: \(Batch element 0\): .*non-finite values"):
        gp.linalg.eigh(gp.full((1, 2, 2), np.inf, device=device))


def test_errors():
    with pytest.raises(RuntimeError, match="Expected UPLO argument to be 'L' or 'U', but got X"):
        gp.linalg.eigh(gp.eye(2), "X")


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigvalsh_reads_one_triangle(uplo, device):
    a = np.random.default_rng(3).standard_normal((2, 4, 4))
    values = gp.linalg.eigvalsh(gp.tensor(a, device=device), UPLO=uplo)
    np.testing.assert_allclose(values.cpu().numpy(), np.linalg.eigvalsh(a, uplo), rtol=1e-11)


def test_eigvalsh_names_itself_in_errors(device):
    with pytest.raises(RuntimeError, match=r"linalg\.eigvalsh"):
        gp.linalg.eigvalsh(gp.zeros(2, 2, device=device), UPLO="X")
