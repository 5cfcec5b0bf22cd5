import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, GraphError

F = gp.nn.functional


def zeros_of(y):
    return np.asarray(y.tolist()) == 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_zeroes_and_scales(p, device):
    gp.manual_seed(3)
    y = F.dropout(gp.ones(100, 200, device=device), p)
    dropped = zeros_of(y)
    assert abs(dropped.mean() - p) < 4 * np.sqrt(p * (1 - p) / dropped.size)
    np.testing.assert_allclose(np.asarray(y.tolist())[~dropped], 1 / (1 - p), rtol=1e-6)


def test_the_mask_is_the_same_on_every_device_and_follows_the_seed(device):
    masks = []
    for where in ("cpu", device):
        gp.manual_seed(11)
        masks.append(F.dropout(gp.ones(50, device=where)).tolist())
    assert masks[0] == masks[1]
    assert masks[0] != F.dropout(gp.ones(50)).tolist()


def test_gradients_of_all_orders_use_the_mask_of_forward(device):
    gp.manual_seed(0)
    x = gp.tensor(np.linspace(1, 2, 20), device=device, requires_grad=True)
    y = F.dropout(x, 0.4)
    kept = ~zeros_of(y)
    weights = gp.tensor(np.linspace(0.5, 1.5, 20), device=device, requires_grad=True)
    (g,) = gp.autograd.grad(y, x, weights, create_graph=True)
    np.testing.assert_allclose(g.tolist(), np.linspace(0.5, 1.5, 20) * kept / 0.6, rtol=1e-14)
    (gg,) = gp.autograd.grad(g.sum(), weights)
    np.testing.assert_allclose(gg.tolist(), kept / 0.6, rtol=1e-14)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False), (1.0, False)])
def test_does_nothing_in_eval_and_with_probability_0(p, training):
    x = gp.tensor([1.0, 2.0])
    assert F.dropout(x, p, training) is x
    assert F.dropout(gp.tensor([1, 2]), p, training).dtype is gp.int64


def test_probability_1_leaves_zeros(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_rounded_once(dtype, device):
    values = np.linspace(1, 3, 64).astype(dtype.numpy)
    y = F.dropout(gp.tensor(values, device=device), 0.1)
    assert y.dtype is dtype
    kept = ~zeros_of(y)
    wanted = (values.astype(np.float64) / 0.9).astype(np.float32).astype(dtype.numpy)
    tolerance = 2.4e-7 if dtype is gp.float32 else 0
    np.testing.assert_allclose(np.asarray(y.tolist())[kept], wanted.astype(np.float64)[kept], rtol=tolerance)


def test_in_place(device):
    gp.manual_seed(5)
    leaf = gp.ones(30, device=device, requires_grad=True)
    x = leaf * 2
    array, version = x.array, x._version[0]
    assert F.dropout(x, 0.5, inplace=True) is x
    assert x.array is array and x._version[0] == version + 1
    assert sorted(set(x.tolist())) == [0.0, 4.0]
    x.sum().backward()
    assert leaf.grad.tolist() == x.tolist()


def test_in_place_on_a_leaf_is_refused():
    x = gp.ones(3, requires_grad=True)
    with pytest.raises(GraphError, match="leaf Variable"):
        F.dropout(x, inplace=True)
    assert x.tolist() == [1, 1, 1]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probability_out_of_range(p):
    with pytest.raises(ArgumentError, match="dropout probability has to be between 0 and 1, but got"):
        F.dropout(gp.ones(3), p)


def test_wrong_types():
    with pytest.raises(DtypeError, match=r"dropout: expected a floating dtype, got gpunn.int64; use x.float\(\)"):
        F.dropout(gp.tensor([1, 2]))
    with pytest.raises(ArgumentTypeError, match="dropout: expected a Tensor, got list"):
        F.dropout([1.0])
