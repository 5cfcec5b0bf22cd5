import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import DtypeError, ShapeError


def array(tensor):
    return tensor.detach().double().cpu().numpy()


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias, device):
    layer = nn.Linear(3, 5, bias=bias, dtype=gp.float64, device=device)
    x = gp.randn(shape, dtype=gp.float64, device=device)
    wanted = array(x) @ array(layer.weight).T + (array(layer.bias) if bias else 0)
    y = layer(x)
    assert y.shape == (*shape[:-1], 5) and y.device.type == device
    np.testing.assert_allclose(array(y).reshape(wanted.shape), wanted, rtol=1e-13)


def test_linear_parameters():
    gp.manual_seed(0)
    layer = nn.Linear(400, 300)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {"weight": (300, 400), "bias": (300,)}
    bound = 1 / math.sqrt(400)
    for p in layer.parameters():
        values = array(p)
        assert -bound <= values.min() < -0.97 * bound and 0.97 * bound < values.max() <= bound
        assert abs(values.std() - bound / math.sqrt(3)) < 0.1 * bound
    before = array(layer.weight)
    layer.reset_parameters()
    assert not np.array_equal(array(layer.weight), before)


def test_linear_factory_arguments(device):
    layer = nn.Linear(2, 3, True, device, gp.bfloat16)
    assert {p.dtype for p in layer.parameters()} == {gp.bfloat16}
    assert {p.device.type for p in layer.parameters()} == {device}
    assert nn.Linear(2, 3, bias=False).bias is None and list(nn.Linear(2, 3, bias=False).state_dict()) == ["weight"]
    assert nn.Linear(0, 3)(gp.ones(2, 0)).shape == (2, 3)


def test_linear_repr():
    assert repr(nn.Linear(2, 3)) == "Linear(in_features=2, out_features=3, bias=True)"
    assert repr(nn.Linear(2, 3, bias=False)) == "Linear(in_features=2, out_features=3, bias=False)"


def test_wrong_number_of_features_says_what_would_fit():
    with pytest.raises(ShapeError) as raised:
        nn.Linear(400, 120)(gp.ones(2, 864))
    assert str(raised.value) == (
        "Linear: got 864 features, expects 400: the input is (2, 864), the weight (120, 400). "
        "Use Linear(864, 120), or change what comes before"
    )


def test_wrong_number_of_features_after_flatten_says_where_they_come_from():
    """A 28 × 28 image in a network for 32 × 32."""
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120))
    words = r"got 864 features, expects 400: .* 864 = 6 × 12 × 12 of the flattened \(2, 6, 12, 12\)\."
    with pytest.raises(ShapeError, match=rf"^Sequential.3 \(Linear\): {words}"):
        net(gp.ones(2, 1, 28, 28))


def test_other_mistakes_keep_their_message():
    with pytest.raises(DtypeError, match=r"^Linear: linear: "):
        nn.Linear(2, 3)(gp.ones(2, dtype=gp.float64))
    with pytest.raises(ShapeError, match=r"^Linear: linear: .* x is \(\)"):
        nn.Linear(2, 3)(gp.tensor(1.0))


def test_identity():
    x = gp.ones(2)
    layer = nn.Identity(54, unused=0.1)
    assert layer(x) is x and repr(layer) == "Identity()" and list(layer.parameters()) == []


def test_bilinear():
    gp.manual_seed(0)
    layer = nn.Bilinear(4, 3, 50)
    assert layer.weight.shape == (50, 4, 3)
    for values in (layer.weight, layer.bias):
        assert 0.45 < values.abs().max().item() <= 0.5
    a, b = gp.ones(2, 4), gp.ones(2, 3)
    np.testing.assert_allclose(
        layer(a, b).detach(), (layer.weight.sum((1, 2)) + layer.bias).detach().expand(2, 50), 1e-5
    )
    assert repr(layer) == "Bilinear(in1_features=4, in2_features=3, out_features=50, bias=True)"
    assert nn.Bilinear(2, 3, 4, bias=False).bias is None
    with pytest.raises(ValueError, match=r"in1_features must be > 0, but got \(in1_features=0\)"):
        nn.Bilinear(0, 3, 4)
