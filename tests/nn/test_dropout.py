import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError

F = nn.functional


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


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [
        (nn.Dropout1d(0.3), F.dropout1d, (4, 5, 3)),
        (nn.Dropout2d(0.3), F.dropout2d, (4, 5, 2, 2)),
        (nn.Dropout3d(0.3), F.dropout3d, (4, 5, 2, 2, 1)),
        (nn.AlphaDropout(0.3), F.alpha_dropout, (40,)),
        (nn.FeatureAlphaDropout(0.3), F.feature_alpha_dropout, (4, 5, 3)),
        (nn.ClassicDropout(0.3), F.classic_dropout, (40,)),
    ],
)
def test_other_forms(layer, function, shape, device):
    x = gp.ones(*shape, device=device)
    gp.manual_seed(4)
    y = layer(x)
    gp.manual_seed(4)
    assert y.tolist() == function(x, 0.3, training=True).tolist() != x.tolist()
    assert layer.eval()(x).tolist() == function(x, 0.3, training=False).tolist()
    layer.train()
    assert repr(layer) == f"{type(layer).__name__}(p=0.3, inplace=False)"


def test_repr():
    assert repr(nn.Dropout()) == "Dropout(p=0.5, inplace=False)"
