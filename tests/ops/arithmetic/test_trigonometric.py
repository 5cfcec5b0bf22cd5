import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

ANY = np.linspace(-3.1, 3.1, 12).reshape(3, 4)
INSIDE = np.linspace(-0.95, 0.95, 12).reshape(3, 4)

TABLE = [
    (gp.sin, np.sin, ANY),
    (gp.cos, np.cos, ANY),
    (gp.tan, np.tan, INSIDE),
    (gp.asin, np.arcsin, INSIDE),
    (gp.acos, np.arccos, INSIDE),
    (gp.atan, np.arctan, ANY),
    (gp.sinc, np.sinc, ANY),
    (gp.deg2rad, np.deg2rad, ANY),
    (gp.rad2deg, np.rad2deg, ANY),
]


@pytest.mark.parametrize(("op", "reference", "values"), TABLE, ids=lambda v: getattr(v, "__name__", ""))
def test_unary(op, reference, values, device):
    for x in (values, values[0, 0], values[:0]):
        check_op(op, reference, [x], device, gradient_rtol=1e-5)
    check_dtypes(op, reference, [values], device)
    assert op(gp.tensor([1, 0], device=device)).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got float"):
        op(2.0)


@pytest.mark.parametrize("shapes", SHAPES)
def test_atan2(shapes, device):
    check_op(gp.atan2, np.arctan2, shapes, device, gradient_rtol=1e-5)
    check_dtypes(gp.atan2, np.arctan2, shapes, device)


def test_atan2_knows_all_quadrants(device):
    y = gp.tensor([1, 1, -1, -1, 0, 0], device=device)
    x = gp.tensor([1, -1, 1, -1, -1, 1], device=device)
    assert gp.atan2(y, x).dtype is gp.float32
    wanted = np.array([1, 3, -1, -3, 4, 0]) * (math.pi / 4)
    np.testing.assert_allclose(gp.atan2(y, x).cpu().numpy(), wanted, rtol=1e-6)
    with pytest.raises(ArgumentTypeError, match="atan2: expected a Tensor, got int"):
        gp.atan2(y, 1)


def test_gradients_where_the_formula_divides_by_zero(device):
    """The limit, or 0, as in PyTorch 2.13."""
    a, b = (gp.tensor([0.0, 1.0], device=device, requires_grad=True) for _ in range(2))
    grads = gp.autograd.grad(gp.atan2(a, b * 0).sum(), [a, b])
    assert [g.tolist() for g in grads] == [[0, 0], [0, 0]]
    grads = gp.autograd.grad(gp.atan2(a, b).sum(), [a, b])
    assert [g.tolist() for g in grads] == [[0, 0.5], [0, -0.5]]
    (grad,) = gp.autograd.grad(gp.sinc(a).sum(), [a])
    np.testing.assert_allclose(grad.cpu().numpy(), [0, -1], rtol=1e-6)


def test_outside_the_domain(device):
    x = gp.tensor([2.0, -1.5], device=device)
    for op in (gp.asin, gp.acos):
        assert all(math.isnan(v) for v in op(x).tolist())


def test_aliases():
    assert (gp.arcsin, gp.arccos, gp.arctan, gp.arctan2) == (gp.asin, gp.acos, gp.atan, gp.atan2)
