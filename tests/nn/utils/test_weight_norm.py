import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import remove_weight_norm, weight_norm


@pytest.mark.parametrize(("dim", "shape"), [(0, (4, 1, 1)), (1, (1, 3, 1)), (-2, (1, 3, 1)), (None, ()), (-1, ())])
def test_the_weight_is_length_times_direction(dim, shape, device):
    layer = nn.Conv1d(3, 4, 2).to(device)
    before = layer.weight.detach().cpu().numpy().copy()
    x = gp.randn(2, 3, 5, device=device)
    output = layer(x)
    assert weight_norm(layer, dim=dim) is layer
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"] and layer.weight_g.shape == shape
    np.testing.assert_allclose(layer(x).tolist(), output.tolist(), rtol=1e-4, atol=1e-6)
    axes = None if dim in (None, -1) else tuple(d for d in range(3) if d != dim % 3)
    with gp.no_grad():
        layer.weight_g.mul_(3)
        layer.weight_v.mul_(7)
    layer(x).sum().backward()
    np.testing.assert_allclose(layer.weight.detach().cpu().numpy(), 3 * before, rtol=1e-5)
    norms = np.sqrt((before**2).sum(axes, keepdims=axes is not None))
    np.testing.assert_allclose(layer.weight_g.detach().cpu().numpy(), 3 * norms, rtol=1e-5)
    # the gradient of v stands on v
    product = (layer.weight_v.grad * layer.weight_v).sum(list(range(3)) if axes is None else axes)
    np.testing.assert_allclose(product.detach().cpu().numpy(), 0, atol=1e-4)
    assert remove_weight_norm(layer) is layer
    assert list(layer.state_dict()) == ["bias", "weight"] and isinstance(layer.weight, nn.Parameter)
    np.testing.assert_allclose(layer.weight.detach().cpu().numpy(), 3 * before, rtol=1e-5)
    assert not layer._hooks["forward_pre"]


def test_other_parameters():
    lstm = nn.LSTM(3, 4)
    x = gp.randn(5, 2, 3)
    output = lstm(x)[0]
    weight_norm(lstm, "weight_hh_l0")
    weight_norm(lstm, "bias_ih_l0")
    assert {"weight_hh_l0_g", "weight_hh_l0_v", "bias_ih_l0_g"} < set(lstm.state_dict())
    np.testing.assert_allclose(lstm(x)[0].tolist(), output.tolist(), atol=1e-6)
    remove_weight_norm(lstm, "weight_hh_l0")
    assert "weight_hh_l0" in lstm.state_dict() and "bias_ih_l0_g" in lstm.state_dict()


def test_two_forwards_and_a_state():
    layer = weight_norm(nn.Linear(3, 2))
    loss = layer(gp.ones(1, 3)).sum() - layer(gp.zeros(1, 3)).sum()
    loss.backward()
    assert layer.weight_v.grad is not None and layer.weight_g.grad.shape == (2, 1)
    other = weight_norm(nn.Linear(3, 2))
    other.load_state_dict(copy.deepcopy(layer.state_dict()))
    assert other(gp.ones(1, 3)).tolist() == layer(gp.ones(1, 3)).tolist()


def test_errors():
    layer = weight_norm(nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match="two weight_norm hooks on the same parameter weight"):
        weight_norm(layer)
    with pytest.raises(ValueError, match="weight_norm of 'bias' not found in Linear"):
        remove_weight_norm(layer, "bias")
    with pytest.raises(AttributeError, match="other"):
        weight_norm(layer, "other")
    plain = nn.Linear(3, 2)
    with pytest.raises(IndexError, match="Dimension out of range"):
        weight_norm(plain, dim=2)
    assert list(plain.state_dict()) == ["weight", "bias"] and not plain._hooks
