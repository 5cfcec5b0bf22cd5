import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((3, 4, 3), {}),
        ((3, 6, (2, 3), 2, (1, 0)), {"groups": 3, "bias": False}),
        ((3, 2, 3), {"dilation": (1, 2), "padding": "same"}),
        ((3, 2, 2), {"padding": "full"}),
        ((3, 2, 2), {"padding": "valid", "stride": (2, 1)}),
    ],
)
def test_conv2d(arguments, options, device):
    layer = nn.Conv2d(*arguments, **options, device=device, dtype=gp.float64)
    x = gp.randn(2, 3, 7, 6, device=device, dtype=gp.float64)
    settings = {
        "stride": arguments[3] if len(arguments) > 3 else 1,
        "padding": arguments[4] if len(arguments) > 4 else 0,
    }
    settings |= {name: options[name] for name in ("stride", "padding", "dilation", "groups") if name in options}
    assert layer(x).tolist() == F.conv2d(x, layer.weight, layer.bias, **settings).tolist()
    assert layer(x[0]).shape == layer(x).shape[1:]


def test_same_and_full_keep_and_enlarge_the_image():
    x = gp.ones(1, 1, 5, 6)
    assert nn.Conv2d(1, 1, 3, padding="same")(x).shape == (1, 1, 5, 6)
    assert nn.Conv2d(1, 1, 3, padding="full")(x).shape == (1, 1, 7, 8)


@pytest.mark.parametrize(("rank", "name"), [(1, "Conv1d"), (3, "Conv3d")])
def test_other_ranks(rank, name, device):
    layer = getattr(nn, name)(4, 6, 2, stride=2, padding=1, dilation=2, groups=2, device=device, dtype=gp.float64)
    x = gp.randn(2, 4, *[5, 6, 4][:rank], device=device, dtype=gp.float64)
    expected = getattr(F, name.lower())(x, layer.weight, layer.bias, 2, 1, 2, 2)
    assert layer(x).tolist() == expected.tolist()
    assert layer.weight.shape == (6, 2, *[2] * rank) and layer(x[0]).shape == expected.shape[1:]
