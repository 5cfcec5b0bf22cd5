import pytest

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision.transforms import sizes


def test_pair():
    assert sizes.pair("op", "size", 3) == sizes.pair("op", "size", [3]) == (3, 3)
    assert sizes.pair("op", "size", [3, 4]) == [3, 4]
    for wrong in ((1, 2, 3), "34", None):
        with pytest.raises(ArgumentError, match="op: size must be one number or two"):
            sizes.pair("op", "size", wrong)


def test_padding():
    assert sizes.padding_sides("op", 2) == sizes.padding_sides("op", [2]) == (2, 2, 2, 2)
    assert sizes.padding_sides("op", (1, 2)) == (1, 2, 1, 2)
    assert sizes.padding_sides("op", (1, 2, 3, -4)) == (1, 2, 3, -4)
    for wrong, error in (((1, 2, 3), ArgumentError), ("1", ArgumentTypeError), ((1.0, 2), ArgumentTypeError)):
        with pytest.raises(error, match="adding"):
            sizes.padding_sides("op", wrong)
    with pytest.raises(ArgumentError, match="should be either constant, edge, reflect or symmetric"):
        sizes.padding_mode_of("op", "zeros")
    with pytest.raises(ArgumentTypeError, match="expected a string"):
        sizes.padding_mode_of("op", 0)


def test_the_shorter_side():
    """torchvision's rounding: the longer side is cut off, not rounded."""
    assert sizes.resized(500, 375, 224, None) == (298, 224)
    assert sizes.resized(375, 500, [224], None) == (224, 298)
    assert sizes.resized(375, 500, (7, 9), None) == (7, 9)
    assert sizes.resized(100, 400, 50, 120) == (30, 120)
    assert sizes.resized(100, 200, 50, 120) == (50, 100)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((4, 4, 2.5, None), ArgumentTypeError, "int or sequence"),
        ((4, 4, (1, 2, 3), None), ArgumentError, "1 or 2 element"),
        ((4, 4, 0, None), ArgumentError, "must be positive"),
        ((4, 4, (1, 2), 3), ArgumentError, "max_size should only be passed"),
        ((4, 4, 3, 3), ArgumentError, "strictly greater"),
        ((4, 0, 3, None), ArgumentError, "no shorter side"),
    ],
)
def test_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        sizes.resized(*arguments)
