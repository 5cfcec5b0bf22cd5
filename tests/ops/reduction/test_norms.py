import math
from importlib import import_module

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError
from tests.harness import check_dtypes, check_op

inf, nan = math.inf, math.nan
ORDERS = [0, 0.5, 1, 1.5, 2, 2.5, 3, -1, -2, inf, -inf]
DIMS = [0, -1, (0, 1), None, ()]


def norm(x, p, axis=None, keepdims=False):
    a = np.abs(x)
    if p == 0:
        return (a != 0).sum(axis=axis, keepdims=keepdims) * 1.0
    if math.isinf(p):
        return (a.max if p > 0 else a.min)(axis=axis, keepdims=keepdims)
    return (a**p).sum(axis=axis, keepdims=keepdims) ** (1 / p)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("p", ORDERS)
def test_against_numpy(p, dim, keepdim, device):
    check_op(
        lambda x: gp.norm(x, p, dim, keepdim),
        lambda x: norm(x, p, None if dim == () else dim, keepdim),
        [(3, 4)],
        device,
        gradient_rtol=1e-5,
    )


@pytest.mark.parametrize("p", ["fro", None, 2])
def test_frobenius(p, device):
    check_op(lambda x: gp.norm(x, p), lambda x: np.sqrt((x * x).sum()), [(3, 4)], device)
    check_op(gp.norm, np.abs, [()], device)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, inf])
def test_half_types(p, device):
    check_dtypes(lambda x: gp.norm(x, p, 1), lambda x: norm(x, p, 1), [(3, 5)], device)


@pytest.mark.parametrize("value", [1e30, 1e-30])
def test_squares_may_leave_the_range_of_float32(value, device):
    x = gp.full((3,), value, device=device)
    np.testing.assert_allclose(gp.norm(x).item(), value * math.sqrt(3), rtol=1e-6)


@pytest.mark.parametrize("value", [1e30, 1e-30])
@pytest.mark.parametrize("p", [1.5, 3, 10])
def test_powers_may_leave_the_range_of_float32(p, value, device):
    x = gp.tensor([value, -2 * value], device=device, requires_grad=True)
    gp.norm(x, p).backward()
    size = (1 + 2**p) ** (1 / p)
    np.testing.assert_allclose(x.grad.cpu().numpy(), [size ** (1 - p), -((size / 2) ** (1 - p))], rtol=1e-5)


@pytest.mark.parametrize(
    ("p", "values", "slopes"),
    [
        (2, [0.0, 0.0], [0, 0]),
        (1, [0.0, -2.0], [0, -1]),
        (1.5, [0.0, 0.0], [0, 0]),
        (1.5, [0.0, 1.0], [0, 1]),
        (3, [0.0, 0.0], [0, 0]),
        (0.5, [1.0, 0.0, 4.0], [3, 0, 1.5]),
        (0.5, [0.0, 0.0], [0, 0]),
        (-2, [1.0, 0.0], [0, 0]),
        (inf, [1.0, -1.0, 0.0], [0.5, -0.5, 0]),
        (inf, [0.0, 0.0], [0, 0]),
        (-inf, [1.0, 1.0, 0.0], [0, 0, 0]),
        (-inf, [-1.0, 1.0, 2.0], [-0.5, 0.5, 0]),
    ],
)
def test_subgradients(p, values, slopes, device):
    """As PyTorch 2.13 has them."""
    x = gp.tensor(values, device=device, requires_grad=True)
    gp.norm(x, p).backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), slopes, rtol=1e-6)


def test_the_count_has_no_gradient(device):
    x = gp.ones(2, device=device, requires_grad=True)
    gp.norm(x, 0).backward()
    assert x.grad is None


@pytest.mark.parametrize("p", [1, 2, 3])
def test_second_derivative_at_zero_is_finite(p, device):
    x = gp.zeros(2, dtype=gp.float64, device=device, requires_grad=True)
    (slope,) = gp.autograd.grad(gp.norm(x, p), x, create_graph=True)
    (slope.sum() + x.sum()).backward()
    assert np.isfinite(x.grad.cpu().numpy()).all()


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, inf])
def test_inf(p, device):
    assert gp.norm(gp.tensor([1.0, -inf], device=device), p).item() == inf
    assert gp.norm(gp.tensor([1.0, -inf], device=device), -p).item() == 1


@pytest.mark.parametrize("p", [2, 3, inf])
def test_nan(p, device):
    assert math.isnan(gp.norm(gp.tensor([1.0, nan], device=device), p).item())


def test_dtype(device):
    x = gp.tensor([3.0, 4.0], dtype=gp.float16, device=device)
    found = gp.norm(x, dtype=gp.float64)
    assert found.dtype is gp.float64
    assert found.item() == 5
    with pytest.raises(DtypeError, match=r"norm: the dtype of the input .* without narrowing"):
        gp.norm(x.double(), dtype=gp.float32)
    with pytest.raises(DtypeError, match="without narrowing"):
        gp.norm(x, dtype=gp.int64)


def test_empty(device):
    x = gp.zeros(0, 2, device=device)
    for p in (0, 1, 2, 0.5):
        assert gp.norm(x, p).item() == 0
        assert gp.norm(x, p, 0).tolist() == [0, 0]
    assert gp.norm(x, inf, 1).shape == (0,)
    for p in (inf, -inf, -1):
        with pytest.raises(IndexRangeError, match=r"norm: cannot compute the .* norm.*\(0, 2\).*identity"):
            gp.norm(x, p, 0)
        with pytest.raises(IndexRangeError, match="identity"):
            gp.norm(x, p)


def test_errors():
    with pytest.raises(DtypeError, match=r"norm: Expected a floating point tensor as input. Got gpunn.int64"):
        gp.norm(gp.tensor([1, 2]))
    with pytest.raises(ArgumentError, match="norm: Order foo not supported"):
        gp.norm(gp.zeros(2), "foo")
    with pytest.raises(ArgumentTypeError, match="norm: p must be a number"):
        gp.norm(gp.zeros(2), [2])
    with pytest.raises(ArgumentError, match="appears multiple times"):
        gp.norm(gp.zeros(2, 2), 2, (0, 0))
    for pair in ((gp.zeros(2), 1.0), (1, gp.zeros(2)), (gp.zeros(2), np.zeros(2)), (1, 2)):
        with pytest.raises(ArgumentTypeError, match="dist: expected a Tensor"):
            gp.dist(*pair)


@pytest.mark.parametrize("p", [0, 1, 2, 3, inf])
def test_dist(p, device):
    check_op(lambda a, b: gp.dist(a, b, p), lambda a, b: norm(a - b, p), [(3, 4), (4,)], device)


def test_dist_of_equal_tensors_has_gradient_zero(device):
    a = gp.ones(3, device=device, requires_grad=True)
    gp.dist(a, gp.ones(3, device=device)).backward()
    assert a.grad.tolist() == [0, 0, 0]
    with pytest.raises(DtypeError, match="dist: Expected a floating point"):
        gp.dist(gp.tensor([1]), gp.tensor([2]))


def test_the_family_of_normalisations_does_not_hide_the_function():
    import_module("gpunn.ops.norm.batch")
    assert callable(gp.norm)
    assert callable(gp.ops.norm)
