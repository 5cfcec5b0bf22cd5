import functools

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.vision.transforms import batch


def test_a_number_or_one_for_each_image(device):
    for given in (2, 2.0, [2, 2, 2], np.full(3, 2), gp.full((3,), 2.0, device=device)):
        assert batch.each("op", "name", given, 3).tolist() == [2, 2, 2]
    with pytest.raises(ShapeError, match="name must be a number or 3"):
        batch.each("op", "name", [1, 2], 3)


def test_bytes_are_rounded_halves_up():
    values = np.array([-1, 0.5, 1.49, 254.5, 300], np.float32)
    assert batch.rounded(values, np.dtype(np.uint8)).tolist() == [0, 1, 1, 255, 255]


def test_integers_by_way_of_float32(device):
    halved = functools.partial(batch.by_numbers, lambda x: x / 2)
    for dtype, wanted in ((gp.int16, [0, 2, -2]), (gp.int64, [0, 2, -2]), (gp.bool, [True, True, True])):
        found = halved(gp.tensor([1, 3, -3], dtype=dtype, device=device))
        assert found.dtype is dtype and found.tolist() == wanted
    assert halved(gp.tensor([1.0], device=device)).tolist() == [0.5]


@pytest.mark.parametrize("given", [None, "1", [None], ["1"], object()])
def test_what_is_no_number(given):
    with pytest.raises(ArgumentTypeError, match="angle must be a number or one for each image"):
        batch.each("rotate", "angle", given, 1)
    with pytest.raises(ArgumentTypeError, match="fill must be a number or one for each channel"):
        batch.for_channels("rotate", "fill", given, 1)
