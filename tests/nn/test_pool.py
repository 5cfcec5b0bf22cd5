import numpy as np
import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": 1, "padding": 1},
        {"kernel_size": 2, "stride": (3, 2), "ceil_mode": True},
        {"kernel_size": 2, "dilation": 2},
    ],
)
def test_max_pool2d(arguments, device):
    x = gp.randn(2, 3, 7, 6, device=device)
    assert nn.MaxPool2d(**arguments)(x).tolist() == F.max_pool2d(x, **arguments).tolist()
    values, indices = nn.MaxPool2d(**arguments, return_indices=True)(x)
    wanted = F.max_pool2d(x, **arguments, return_indices=True)
    assert values.tolist() == wanted[0].tolist() and indices.tolist() == wanted[1].tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": 1, "padding": 1, "count_include_pad": False},
        {"kernel_size": 2, "stride": (3, 2), "ceil_mode": True},
        {"kernel_size": 2, "divisor_override": 3},
    ],
)
def test_avg_pool2d(arguments, device):
    x = gp.randn(2, 3, 7, 6, device=device)
    assert nn.AvgPool2d(**arguments)(x).tolist() == F.avg_pool2d(x, **arguments).tolist()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_dimension(rank, device):
    x = gp.rand(2, 3, *(6, 5, 7)[:rank], device=device)
    for kind, name, arguments in (
        ("Max", "max_pool", (2, 1)),
        ("Avg", "avg_pool", (2, 1)),
        ("LP", "lp_pool", (3, 2, 1)),
    ):
        layer = getattr(nn, f"{kind}Pool{rank}d")(*arguments)
        assert layer(x).tolist() == getattr(F, f"{name}{rank}d")(x, *arguments).tolist()
    y, where = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)(x)
    layer = getattr(nn, f"MaxUnpool{rank}d")(2)
    wanted = getattr(F, f"max_unpool{rank}d")(y, where, 2, output_size=x.shape)
    assert layer(y, where, output_size=x.shape).tolist() == wanted.tolist()


def test_median_pool2d(device):
    x = gp.randn(2, 3, 7, 6, device=device)
    assert nn.MedianPool2d(3, 2, 1)(x).tolist() == F.median_pool2d(x, 3, 2, 1).tolist()


def test_stride_is_the_kernel_size_unless_given():
    assert nn.MaxPool2d((2, 3)).stride == (2, 3) and nn.AvgPool2d(2, 1).stride == 1


def test_repr():
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert repr(nn.LPPool2d(2, 3)) == "LPPool2d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"
    assert repr(nn.MaxUnpool1d((2,), 1)) == "MaxUnpool1d(kernel_size=(2,), stride=(1,), padding=(0,))"
    assert repr(nn.MaxUnpool2d(2)) == "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"
    assert repr(nn.AvgPool1d(2)) == "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"
    assert repr(nn.MedianPool2d(3)) == "MedianPool2d(kernel_size=3, stride=3, padding=0, ceil_mode=False)"
    assert repr(nn.AvgPool2d((2, 1), 2, (1, 0))) == "AvgPool2d(kernel_size=(2, 1), stride=2, padding=(1, 0))"


def test_sizes_may_be_numbers_of_numpy():
    x = gp.randn(1, 4, 4)
    assert nn.MaxPool2d(np.int64(2))(x).tolist() == nn.MaxPool2d(2)(x).tolist()
    assert nn.AvgPool1d(np.int64(2))(x).tolist() == nn.AvgPool1d(2)(x).tolist()
