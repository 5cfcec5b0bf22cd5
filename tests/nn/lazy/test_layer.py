import copy
import pickle

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, GraphError
from gpunn.nn.state import StateDictError


def test_a_lazy_linear_becomes_linear():
    layer = nn.LazyLinear(3)
    assert layer.has_uninitialized_params() and repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    weight = layer.weight
    assert layer(gp.ones(2, 5, 4)).shape == (2, 5, 3)
    assert type(layer) is nn.Linear and type(weight) is nn.Parameter and layer.weight is weight
    assert repr(layer) == "Linear(in_features=4, out_features=3, bias=True)" and layer.bias.shape == (3,)
    assert float(weight.detach().abs().max()) <= 0.5 and float(weight.detach().abs().min()) > 0  # ±1/√4
    assert layer(gp.ones(1, 4)).shape == (1, 3)


def test_without_bias_and_in_another_dtype():
    layer = nn.LazyLinear(3, bias=False, dtype=gp.float64)
    assert layer(gp.ones(2, 4, dtype=gp.float64)).dtype is gp.float64 and layer.bias is None


def test_an_optimizer_can_be_made_before():
    gp.manual_seed(0)
    layer = nn.LazyLinear(1)
    optimizer = gp.optim.Adam(layer.parameters(), lr=0.1)
    layer(gp.ones(2, 3)).sum().backward()
    before = layer.weight.detach().clone()
    optimizer.step()
    assert gp.allclose(layer.weight.detach(), before - 0.1, atol=1e-6)


def test_the_shape_is_not_known_before():
    layer = nn.LazyLinear(3)
    with pytest.raises(GraphError, match="call forward once, or load a state dict"):
        _ = layer.weight.shape
    assert repr(layer.weight) == "<UninitializedParameter>" and not layer.state_dict()
    layer.reset_parameters()
    assert layer.has_uninitialized_params()


def test_a_state_dict_gives_the_shapes():
    usual, layer = nn.Linear(4, 3), nn.LazyLinear(3)
    layer.load_state_dict(usual.state_dict())
    assert not layer.has_uninitialized_params()
    x = gp.rand(2, 4)
    assert gp.equal(layer(x), usual(x)) and type(layer) is nn.Linear and layer.in_features == 4


def test_a_state_dict_that_does_not_fit_changes_nothing():
    layer = nn.LazyLinear(3)
    with pytest.raises(StateDictError, match=r"Missing key.*bias"):
        layer.load_state_dict({"weight": gp.ones(3, 4)})
    with pytest.raises(StateDictError, match=r"Unexpected key.*more"):
        layer.load_state_dict({**nn.Linear(4, 3).state_dict(), "more": gp.ones(1)})
    assert layer.has_uninitialized_params()


def test_moving_and_copying_before():
    layer = nn.Sequential(nn.LazyLinear(3)).double()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin(gp.ones(1, 2, dtype=gp.float64)).dtype is gp.float64
    assert layer[0].has_uninitialized_params()


def test_where_the_next_layer_is_lazy_too(device):
    net = nn.Sequential(nn.LazyConv2d(2, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3)).to(device)
    y = net(gp.ones(2, 1, 5, 5, device=device))
    assert y.shape == (2, 3) and y.device.type == net[3].weight.device.type
    assert [type(m).__name__ for m in net] == ["Conv2d", "BatchNorm2d", "Flatten", "Linear"]
    y.sum().backward()
    assert net[0].weight.grad.shape == (2, 1, 3, 3)


def test_a_number_that_groups_do_not_divide():
    with pytest.raises(ArgumentError, match="in_channels must be divisible by groups, got 3 and 2"):
        nn.LazyConv1d(4, 1, groups=2)(gp.ones(1, 3, 5))
