import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.reduction.nuclear import PolarSlope
from tests.harness import check_dtypes, check_op


def nuclear(x):
    return np.linalg.svd(x, compute_uv=False).sum(-1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 2), (2, 5), (1, 4), (2, 3, 3), (2, 2, 4, 3)])
def test_against_numpy(shape, device):
    dim = None if len(shape) == 2 else (-2, -1)
    check_op(lambda x: gp.norm(x, "nuc", dim), nuclear, [shape], device, gradient_rtol=1e-5)


def test_dims(device):
    check_op(lambda x: gp.norm(x, "nuc", (2, 0)), lambda x: nuclear(x.transpose(1, 2, 0)), [(2, 3, 4)], device)
    check_op(
        lambda x: gp.norm(x, "nuc", (0, 2), keepdim=True),
        lambda x: nuclear(x.transpose(1, 0, 2)).reshape(1, 3, 1),
        [(2, 3, 4)],
        device,
    )
    assert gp.norm(gp.ones(2, 2, device=device), "nuc", keepdim=True).shape == (1, 1)


def test_derivative_of_the_gradient(device):
    """The rotation of (1, ε; -ε, 1): d(U Vᵀ) = ε (0, 1; -1, 0) at the identity; symmetric changes leave it alone."""
    eye = gp.eye(2, dtype=gp.float64, device=device).array
    s = gp.ones(2, dtype=gp.float64, device=device).array
    change = gp.tensor([[3.0, 1.0], [-1.0, 5.0]], dtype=gp.float64, device=device)
    assert PolarSlope()(change, eye, s, eye).tolist() == [[0, 1], [-1, 0]]


def test_gradient_of_rank_deficient_matrices(device):
    x = gp.zeros(2, 2, device=device, requires_grad=True)
    gp.norm(x, "nuc").backward()
    grad = x.grad.cpu().numpy()
    np.testing.assert_allclose(grad @ grad.T, np.eye(2), atol=1e-6)
    y = gp.ones(2, 2, dtype=gp.float64, device=device, requires_grad=True)
    (slope,) = gp.autograd.grad(gp.norm(y, "nuc"), y, create_graph=True)
    slope.sum().backward()
    assert np.isfinite(y.grad.cpu().numpy()).all()


def test_dtypes(device):
    check_dtypes(lambda x: gp.norm(x, "nuc"), nuclear, [(3, 4)], device, factor=2)
    assert gp.norm(gp.ones(2, 2, device=device), "nuc", dtype=gp.float64).dtype is gp.float64
    with pytest.raises(DtypeError, match="norm: Expected a floating point"):
        gp.norm(gp.tensor([[1]], device=device), "nuc")


def test_empty(device):
    assert gp.norm(gp.zeros(0, 2, device=device), "nuc").item() == 0
    assert gp.norm(gp.zeros(3, 0, 2, device=device), "nuc", (1, 2)).tolist() == [0, 0, 0]


def test_errors():
    with pytest.raises(ShapeError, match=r"norm: the nuclear norm is of matrices: .* got shape \(2,\)"):
        gp.norm(gp.zeros(2), "nuc")
    for dim in (0, (0,), None):
        with pytest.raises(ArgumentError, match=r"norm: dim must be a 2-tuple .* shape \(1, 2, 2\)"):
            gp.norm(gp.zeros(1, 2, 2), "nuc", dim)
    with pytest.raises(ArgumentError, match="appears multiple times"):
        gp.norm(gp.zeros(2, 2), "nuc", (0, 0))
    with pytest.raises(ArgumentError, match="are all elements finite"):
        gp.norm(gp.tensor([[float("nan"), 1.0], [1.0, 1.0]]), "nuc")
