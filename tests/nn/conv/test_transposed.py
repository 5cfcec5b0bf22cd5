import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError

F = nn.functional


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed(rank, device):
    make, function = getattr(nn, f"ConvTranspose{rank}d"), getattr(F, f"conv_transpose{rank}d")
    layer = make(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2, device=device, dtype=gp.float64)
    x = gp.randn(2, 4, *[3, 4, 2][:rank], device=device, dtype=gp.float64)
    assert layer.weight.shape == (4, 3, *[3] * rank) and layer.bias.shape == (6,)
    expected = function(x, layer.weight, layer.bias, 2, 1, 1, 2, 2)
    assert layer(x).tolist() == expected.tolist()
    for size in (expected.shape, expected.shape[2:]):
        layer.output_padding = (0,) * rank
        assert layer(x, output_size=size).tolist() == expected.tolist()
    assert layer(x[0], output_size=expected.shape[1:]).shape == expected.shape[1:]


def test_a_transposed_convolution_goes_back_to_the_size():
    down, up = nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ConvTranspose2d(5, 3, 3, stride=2, padding=1)
    for size in ((7, 8), (8, 7)):
        x = gp.ones(1, 3, *size)
        assert up(down(x), output_size=x.shape).shape == x.shape


def test_parameters_of_a_transposed_convolution():
    gp.manual_seed(0)
    layer = nn.ConvTranspose2d(32, 16, (3, 5), groups=2)
    bound = 1 / math.sqrt(8 * 3 * 5)
    for p in layer.parameters():
        values = np.asarray(p.tolist())
        assert -bound <= values.min() < -0.8 * bound and 0.8 * bound < values.max() <= bound


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"padding_mode": "reflect"}, 'Only "zeros" padding mode is supported for ConvTranspose2d'),
        ({"padding": "same"}, "padding must be numbers in ConvTranspose2d, got 'same'"),
        ({"groups": 4}, "out_channels must be divisible by groups, got 6 and 4"),
        ({"output_padding": (1, 1, 1)}, r"output_padding must be one number or 2, got \(1, 1, 1\)"),
    ],
)
def test_wrong_settings_of_a_transposed_convolution(options, words):
    with pytest.raises((ArgumentError, TypeError), match=words):
        nn.ConvTranspose2d(**{"in_channels": 4, "out_channels": 6, "kernel_size": 3, **options})


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((7, 9), r"requested an output size of \(7, 9\), but valid sizes range from \(7, 7\) to \(8, 8\) .* \(3, 3\)"),
        ((7, 7, 7), r"for 4D input, output_size must have 2 or 4 elements \(got 3\)"),
    ],
)
def test_wrong_output_sizes(size, words):
    with pytest.raises(ArgumentError, match=words):
        nn.ConvTranspose2d(4, 6, 3, stride=2)(gp.ones(1, 4, 3, 3), output_size=size)


def test_repr_of_a_transposed_convolution():
    assert repr(nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), 1, 2, False, 3)) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 2), stride=(2, 2), padding=(1, 0), dilation=(3, 3), "
        "output_padding=(1, 1), groups=2, bias=False)"
    )
