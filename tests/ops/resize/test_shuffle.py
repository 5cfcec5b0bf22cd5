import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.nn import functional as F
from tests.harness import check_op


def shuffled(x, r):
    *batch, c, h, w = x.shape
    y = np.zeros((*batch, c // r**2, h * r, w * r))
    for i, j in itertools.product(range(r), repeat=2):
        y[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return y


@pytest.mark.parametrize(("shape", "r"), [((2, 8, 3, 2), 2), ((9, 2, 4), 3), ((2, 1, 4, 3, 2), 1), ((0, 4, 2, 2), 2)])
def test_pixel_shuffle(shape, r, device):
    check_op(lambda x: F.pixel_shuffle(x, r), lambda x: shuffled(x, r), [shape], device)
    x = gp.rand(shape, device=device)
    assert F.pixel_unshuffle(F.pixel_shuffle(x, r), r).tolist() == x.tolist()


def test_pixel_unshuffle(device):
    x = gp.arange(12, device=device).reshape(1, 1, 2, 6)
    assert F.pixel_unshuffle(x, 2).tolist() == [[[[0, 2, 4]], [[1, 3, 5]], [[6, 8, 10]], [[7, 9, 11]]]]
    check_op(lambda x: F.pixel_unshuffle(x, 2), lambda x: unshuffled(x, 2), [(2, 3, 4, 6)], device)


def unshuffled(x, r):
    return np.concatenate([x[:, [c], i::r, j::r] for c in range(x.shape[1]) for i in range(r) for j in range(r)], 1)


def test_channel_shuffle(device):
    wanted = [0, 3, 1, 4, 2, 5]
    check_op(lambda x: F.channel_shuffle(x, 2), lambda x: x[:, wanted], [(2, 6, 3, 2)], device)
    check_op(lambda x: F.channel_shuffle(x, 2), lambda x: x[:, wanted], [(2, 6, 3)], device)


@pytest.mark.parametrize(
    ("op", "shape", "argument", "error", "text"),
    [
        (F.pixel_shuffle, (6, 2, 2), 2, ShapeError, "divisible by the square"),
        (F.pixel_shuffle, (2, 2), 2, ShapeError, "at least 3 dimensions"),
        (F.pixel_shuffle, (4, 2, 2), 0, ArgumentError, "positive upscale_factor"),
        (F.pixel_shuffle, (4, 2, 2), 2.0, ArgumentTypeError, "must be an int"),
        (F.pixel_unshuffle, (1, 3, 2), 2, ShapeError, "expects height"),
        (F.pixel_unshuffle, (1, 2, 3), 2, ShapeError, "expects width"),
        (F.channel_shuffle, (2, 4), 2, ShapeError, "> 2 dims"),
        (F.channel_shuffle, (2, 4, 1), 0, ArgumentError, "must be positive"),
        (F.channel_shuffle, (2, 4, 1), 3, ShapeError, "divisible by groups"),
    ],
)
def test_errors(op, shape, argument, error, text):
    with pytest.raises(error, match=text):
        op(gp.zeros(shape), argument)
