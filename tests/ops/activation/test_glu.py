import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional


def glu(x, dim=-1):
    a, b = np.split(x, 2, axis=dim)
    return a / (1 + np.exp(-b))


@pytest.mark.parametrize(
    ("shape", "dim"),
    [((4,), 0), ((3, 6), -1), ((6, 3), 0), ((2, 4, 5), 1), ((2, 2, 3, 4), -3), ((0, 4), 1), ((3, 0), 1)],
)
def test_glu(shape, dim, device):
    check_op(lambda x: F.glu(x, dim), lambda x: glu(x, dim), [shape], device)


def test_lower_precision(device):
    check_dtypes(F.glu, glu, [(5, 14)], device)


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (3, 1, 0, 2)])
def test_orders_in_memory(axes, dim, device):
    x = np.linspace(-3, 3, 4 * 8 * 6 * 4).reshape(4, 8, 6, 4)
    t = gp.tensor(x, device=device, requires_grad=True)
    view = t.permute(*axes)
    y = F.glu(view, dim)
    wanted = glu(x.transpose(axes), dim)
    np.testing.assert_allclose(y.tolist(), wanted, rtol=1e-13)
    assert np.argsort(y.stride()).tolist() == np.argsort(view.stride()).tolist()
    y.backward(gp.tensor(np.ones(wanted.shape), device=device))  # of another order
    same = gp.tensor(x.transpose(axes), device=device, requires_grad=True)
    F.glu(same, dim).sum().backward()
    np.testing.assert_allclose(t.grad.permute(*axes).tolist(), same.grad.tolist(), rtol=1e-13)


def test_limits(device):
    y = F.glu(gp.tensor([2.0, np.nan, np.inf, 1.0, -np.inf, 0.0, 0.0, np.nan], device=device))
    np.testing.assert_array_equal(y.tolist(), [0.0, np.nan, np.inf, np.nan])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.glu(gp.ones(2, 5)), ShapeError, "Halving dimension must be even, but dimension 1 is size 5"),
        (lambda: F.glu(gp.tensor(1.0)), ShapeError, "glu does not support 0-dimensional tensors"),
        (lambda: F.glu(gp.ones(2).int()), DtypeError, "glu: expected a floating dtype, got gpunn.int32"),
        (lambda: F.glu([1.0, 2.0]), ArgumentTypeError, "glu: expected a Tensor, got list"),
        (lambda: F.glu(gp.ones(2), 1), IndexError, "glu"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
