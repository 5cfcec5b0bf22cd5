import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def test_shapes_and_first_values():
    gp.manual_seed(0)
    layer = nn.LocallyConnected2d(3, 4, (8, 9), (3, 2), stride=2, padding=1)
    assert layer.weight.shape == (4, 5, 4, 3, 3, 2)
    assert layer.bias.shape == (4, 4, 5)
    for values in (layer.weight, layer.bias):
        assert 0.9 * 18**-0.5 < values.abs().max().item() <= 18**-0.5
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert nn.LocallyConnected2d(1, 1, 3, 3, bias=False).bias is None


def test_it_is_the_function(device):
    layer = nn.LocallyConnected2d(2, 3, (5, 6), 2, (1, 2), (1, 0), (2, 1), device=device)
    x = gp.arange(60.0, device=device).reshape(1, 2, 5, 6) / 60
    wanted = F.locally_connected2d(x, layer.weight, layer.bias, (1, 2), (1, 0), (2, 1))
    assert gp.equal(layer(x), wanted)
    with pytest.raises(RuntimeError, match=r"LocallyConnected2d.*has 6 x 3 windows, the weight"):
        layer(gp.ones(1, 2, 6, 6, device=device))


def test_repr():
    layer = nn.LocallyConnected2d(2, 3, 5, 2, padding=1, dilation=2, bias=False)
    assert repr(layer) == (
        "LocallyConnected2d(2, 3, input_size=(5, 5), kernel_size=(2, 2), stride=(1, 1), padding=(1, 1), "
        "dilation=(2, 2), bias=False)"
    )


def test_errors():
    with pytest.raises(ValueError, match=r"an input of \(3, 3\) has no window of kernel_size=\(4, 4\)"):
        nn.LocallyConnected2d(1, 1, 3, 4)
    with pytest.raises(ValueError, match="input_size equals to 2"):
        nn.LocallyConnected2d(1, 1, (3, 3, 3), 2)
