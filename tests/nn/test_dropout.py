import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError


def test_drops_in_training_only(device):
    layer, x = nn.Dropout(0.25), gp.ones(1000, device=device)
    gp.manual_seed(4)
    y = layer(x)
    gp.manual_seed(4)
    assert y.tolist() == nn.functional.dropout(x, 0.25).tolist()
    assert 180 < (y == 0).sum().item() < 320
    assert layer.eval()(x) is x


def test_in_place():
    x = gp.ones(100)
    assert nn.Dropout(inplace=True)(x) is x and set(x.tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_probability_out_of_range(p):
    with pytest.raises(ArgumentError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
        nn.Dropout(p)


def test_repr():
    assert repr(nn.Dropout()) == "Dropout(p=0.5, inplace=False)"
