from math import inf

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.nn import functional as F
from gpunn.ops import distance
from tests.harness import check_op

RNG = np.random.default_rng(19)


def distances(a, b, p):
    x = abs(a[..., :, None, :] - b[..., None, :, :])
    if p == inf:
        return x.max(-1)
    return (x != 0).sum(-1).astype(x.dtype) if p == 0 else (x**p).sum(-1) ** (1 / p)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, inf])
@pytest.mark.parametrize("shapes", [[(3, 2), (4, 2)], [(2, 1, 3, 2), (3, 2, 2)], [(1, 1), (5, 1)]])
def test_cdist(shapes, p, device):
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    check_op(lambda a, b: gp.cdist(a, b, p), lambda a, b: distances(a, b, p), arrays, device, gradient_rtol=1e-5)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_cdist_in_blocks(p, device, monkeypatch):
    arrays = [RNG.standard_normal(shape) for shape in [(2, 7, 3), (2, 5, 3)]]
    monkeypatch.setattr(distance, "BLOCK", 70)
    assert len(list(distance.blocks((2, 7, 5), 3))) == 4
    check_op(lambda a, b: gp.cdist(a, b, p), lambda a, b: distances(a, b, p), arrays, device, gradient_rtol=1e-5)


@pytest.mark.parametrize("mode", distance.MODES)
@pytest.mark.parametrize("shapes", [[(26, 3), (4, 3)], [(2, 3, 2), (1, 5, 2)]])
def test_euclidean_distances(mode, shapes, device):
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    check_op(
        lambda a, b: gp.cdist(a, b, compute_mode=mode),
        lambda a, b: distances(a, b, 2),
        arrays,
        device,
        rtol=1e-9,
        gradient_rtol=1e-5,
    )


def test_distances_far_from_zero(device):
    """Squares of numbers around 1000 would leave no digit of a distance of 0.01."""
    a = (1000 + RNG.uniform(0, 0.1, (40, 3))).astype(np.float32)
    b = (1000 + RNG.uniform(0, 0.1, (30, 3))).astype(np.float32)
    found = gp.cdist(gp.tensor(a, device=device), gp.tensor(b, device=device)).cpu().numpy()
    np.testing.assert_allclose(found, distances(a.astype(np.float64), b.astype(np.float64), 2), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, inf])
@pytest.mark.parametrize("rows", [2, 30])
def test_the_gradient_of_no_distance_is_zero(p, rows, device):
    a = gp.ones(rows, 3, device=device, requires_grad=True)
    out = gp.cdist(a, gp.ones(2, 3, device=device), p)
    out.sum().backward()
    assert out.abs().max().item() == 0
    assert a.grad.abs().max().item() == 0


@pytest.mark.parametrize("value", [1e15, 1e-15])
def test_powers_of_differences_may_leave_the_range_of_float32(value, device):
    a = gp.tensor([[value, -2 * value]], device=device, requires_grad=True)
    gp.cdist(a, gp.zeros(1, 2, device=device), 5).backward()
    np.testing.assert_allclose(a.grad.cpu().numpy(), [[33**-0.8, -16 * 33**-0.8]], rtol=1e-5)


def test_what_is_infinite_is_far_from_all_and_changes_no_other_distance(device):
    a, b = (RNG.standard_normal((30, 3)).astype(np.float32) for _ in range(2))
    b[4, 1] = inf
    x = gp.tensor(a, device=device, requires_grad=True)
    found = gp.cdist(x, gp.tensor(b, device=device))
    fine = np.arange(30) != 4
    np.testing.assert_allclose(found.detach().cpu().numpy()[:, fine], distances(a, b[fine], 2), rtol=1e-4, atol=1e-5)
    assert not found[:, 4].isfinite().any()


@pytest.mark.parametrize("shapes", [[(0, 3), (4, 3)], [(4, 3), (0, 3)], [(2, 0), (3, 0)], [(0, 2, 3), (5, 3)]])
@pytest.mark.parametrize("p", [1, 2, inf])
def test_cdist_of_nothing(shapes, p, device):
    a, b = (gp.ones(shape, device=device, requires_grad=True) for shape in shapes)
    out = gp.cdist(a, b, p)
    assert out.shape == (*np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]), shapes[0][-2], shapes[1][-2])
    out.sum().backward()
    assert not out.any()
    assert a.grad.shape == shapes[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((gp.ones(2, 3), gp.ones(2, 4)), r"same number of columns; the shapes are \(2, 3\) and \(2, 4\)"),
        ((gp.ones(3), gp.ones(2, 3)), r"X1 must have at least two dimensions, got shape \(3,\)"),
        ((gp.ones(2, 3), gp.ones(2, 3), -1), "non-negative p values, got -1"),
        ((gp.ones(2, 3), gp.ones(2, 3), 2, "fast"), "fast is not a valid value for compute_mode"),
        ((gp.ones(2, 3), gp.ones(2, 3).long()), "X2 got: gpunn.int64"),
        ((gp.ones(2, 3), gp.ones(2, 3).double()), "same dtype"),
        ((gp.ones(2, 2, 3), gp.ones(3, 2, 3)), "do not broadcast"),
    ],
)
def test_cdist_errors(arguments, words):
    with pytest.raises(RuntimeError, match=words):
        gp.cdist(*arguments)


def test_cdist_of_numbers():
    with pytest.raises(TypeError, match="cdist: expected a Tensor, got int"):
        gp.cdist(gp.ones(3), 1)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_pairwise_distance(p, keepdim, device):
    def reference(a, b):
        return (abs(a - b + 1e-3) ** p).sum(-1, keepdims=keepdim) ** (1 / p)

    shapes = [(2, 3), (4, 1, 3)]
    check_op(lambda a, b: F.pairwise_distance(a, b, p, 1e-3, keepdim), reference, shapes, device, gradient_rtol=1e-5)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, inf])
@pytest.mark.parametrize("shape", [(5, 3), (1, 2), (0, 2), (3, 0)])
def test_pdist(shape, p, device):
    def reference(a):
        return distances(a, a, p)[np.triu_indices(len(a), 1)] if a.size else np.zeros(len(a) * (len(a) - 1) // 2)

    values = np.random.default_rng(5).standard_normal(shape)
    check_op(lambda a: gp.pdist(a, p), reference, [values], device, gradient_rtol=1e-5)


def test_errors_of_pdist():
    with pytest.raises(ShapeError, match="pdist only supports 2D tensors, got: 1D"):
        F.pdist(gp.ones(3))
    with pytest.raises(ArgumentError, match="non-negative p values, got -1"):
        F.pdist(gp.ones(3, 2), -1)
    with pytest.raises(DtypeError, match="floating-point dtypes, got"):
        F.pdist(gp.ones(3, 2).long())


def test_the_power_may_be_a_number_of_numpy():
    x, y = gp.tensor([[0.0, 0.0], [1.0, 1.0]]), gp.tensor([[3.0, 4.0]])
    assert gp.cdist(x[:1], y, np.float64(2)).tolist() == [[5.0]]
    assert F.pdist(x, np.int64(1)).tolist() == [2.0]
    with pytest.raises(ValueError, match="non-negative"):
        F.pdist(x, np.float32(-1))
