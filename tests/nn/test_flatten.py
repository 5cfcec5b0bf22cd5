import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentTypeError


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [((), (2, 60)), ((0,), (120,)), ((2,), (2, 3, 20)), ((1, 2), (2, 12, 5)), ((-2, -1), (2, 3, 20))],
)
def test_flatten(arguments, shape, device):
    x = gp.arange(120, device=device).reshape(2, 3, 4, 5)
    y = nn.Flatten(*arguments)(x)
    assert y.shape == shape and y.flatten().tolist() == list(range(120))
    assert y.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("sizes", [(3, 4), [2, -1], gp.Size([12, 1])])
def test_unflatten(sizes, device):
    x = gp.arange(24, device=device).reshape(2, 12)
    y = nn.Unflatten(1, sizes)(x)
    assert y.shape == (2, *[12 // 2 if n == -1 else n for n in sizes]) and y.flatten().tolist() == list(range(24))


def test_unflatten_refuses():
    with pytest.raises(ArgumentTypeError, match="unflattened_size must be a tuple of ints, but found type int"):
        nn.Unflatten(1, 3)
    with pytest.raises(ArgumentTypeError, match="tuple of ints, but found element of type str at pos 1"):
        nn.Unflatten(1, (2, "a"))


def test_repr():
    assert repr(nn.Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
    assert repr(nn.Unflatten(1, (2, 3))) == "Unflatten(dim=1, unflattened_size=(2, 3))"
