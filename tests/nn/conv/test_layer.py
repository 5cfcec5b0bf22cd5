import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, ShapeError

F = nn.functional


def test_parameters():
    gp.manual_seed(0)
    layer = nn.Conv2d(16, 32, (3, 5), groups=2, device="cpu", dtype=gp.float64)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {"weight": (32, 8, 3, 5), "bias": (32,)}
    bound = 1 / math.sqrt(8 * 3 * 5)
    for p in layer.parameters():
        values = np.asarray(p.tolist())
        assert -bound <= values.min() < -0.8 * bound and 0.8 * bound < values.max() <= bound and p.dtype is gp.float64
    assert list(nn.Conv2d(1, 1, 1, bias=False).state_dict()) == ["weight"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": 0}, "groups must be a positive integer, got 0"),
        ({"groups": 3}, "in_channels must be divisible by groups, got 4 and 3"),
        ({"groups": 4}, "out_channels must be divisible by groups, got 6 and 4"),
        ({"padding": "wide"}, r"Invalid padding string 'wide', should be one of \('same', 'valid', 'full'\)"),
        (
            {"padding": "same", "stride": (1, 2)},
            r"'same' is not supported for strided convolutions, got stride \(1, 2\)",
        ),
        ({"padding_mode": "mirror"}, "padding_mode must be one of .*, but got padding_mode='mirror'"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size must be one number or 2, got \(3, 3, 3\)"),
    ],
)
def test_wrong_settings(options, words):
    with pytest.raises(ArgumentError, match=words):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 6, "kernel_size": 3, **options})


NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("padding", [1, (2, 1), "same", "valid"])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes(mode, padding, device):
    layer = nn.Conv2d(2, 3, (4, 3), padding=padding, padding_mode=mode, device=device, dtype=gp.float64)
    x = gp.randn(2, 2, 6, 5, device=device, dtype=gp.float64)
    margins = {1: [(1, 1), (1, 1)], (2, 1): [(2, 2), (1, 1)], "same": [(1, 2), (1, 1)], "valid": [(0, 0), (0, 0)]}
    wide = np.pad(x.cpu().numpy(), [(0, 0), (0, 0), *margins[padding]], mode=NUMPY_MODES[mode])
    expected = F.conv2d(gp.tensor(wide, device=device), layer.weight, layer.bias)
    np.testing.assert_allclose(layer(x).tolist(), expected.tolist(), rtol=1e-12, atol=1e-12)
    assert repr(layer).endswith(f"padding_mode={mode})")


def test_wrong_number_of_channels_names_layer_and_shapes():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 6, 5)))
    with pytest.raises(ShapeError, match=r"^Sequential.0.0 \(Conv2d\): .*\(6, 1, 5, 5\).* 1 input channels.* has 3"):
        net(gp.ones(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(1, 2, 3), "1, 2, kernel_size=(3, 3), stride=(1, 1)"),
        (
            nn.Conv2d(2, 4, (3, 2), 2, (1, 0), 3, 2, False),
            "2, 4, kernel_size=(3, 2), stride=(2, 2), padding=(1, 0), dilation=(3, 3), groups=2, bias=False",
        ),
        (nn.Conv2d(1, 2, 3, padding="same"), "1, 2, kernel_size=(3, 3), stride=(1, 1), padding=same"),
    ],
)
def test_repr(layer, text):
    assert repr(layer) == f"Conv2d({text})"
