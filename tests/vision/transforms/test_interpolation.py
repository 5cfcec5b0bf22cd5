import pytest

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision.transforms import InterpolationMode
from gpunn.vision.transforms.interpolation import mode_of, pillow_number, tensor_mode


def test_what_stands_for_a_mode():
    for given in (InterpolationMode.BICUBIC, "bicubic", 3):
        assert mode_of("op", given) is InterpolationMode.BICUBIC


def test_the_numbers_are_pillows():
    resampling = pytest.importorskip("PIL.Image", reason="Pillow is not installed").Resampling
    for number in (resampling[mode.name] for mode in InterpolationMode if mode is not InterpolationMode.NEAREST_EXACT):
        assert mode_of("op", number).value == number.name.lower()
        assert pillow_number("op", number.name.lower()) == number
    assert pillow_number("op", InterpolationMode.NEAREST_EXACT) == resampling.NEAREST


def test_errors():
    with pytest.raises(ArgumentError, match=r"op: interpolation must be one of nearest, .*'cubic'"):
        mode_of("op", "cubic")
    for wrong in (6, True, None, 1.0):
        with pytest.raises(ArgumentTypeError, match="op: interpolation must be an InterpolationMode"):
            mode_of("op", wrong)
    with pytest.raises(ArgumentError, match="one of nearest, bilinear for tensors, got 'bicubic'"):
        tensor_mode("op", 3, ("nearest", "bilinear"))
