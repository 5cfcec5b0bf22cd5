import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError
from gpunn.vision.transforms import draw


def test_one_for_each_image_of_a_batch():
    assert [draw.count_of(img) for img in (gp.zeros(5, 3, 2, 2), gp.zeros(3, 2, 2), None)] == [5, 1, 1]
    numbers = np.array([1.5, 2.5])
    assert draw.own(gp.zeros(2, 3, 2, 2), numbers) is numbers
    assert draw.own(gp.zeros(3, 2, 2), numbers) == 1.5


def test_the_default_generator_gives_them():
    gp.manual_seed(3)
    first, state = draw.units(2, 3), gp.get_rng_state()
    second = draw.units(2, 3)
    gp.set_rng_state(state)
    assert (draw.units(2, 3) == second).all() and (first != second).all()
    gp.manual_seed(3)
    assert (gp.rand(2, 3, dtype=gp.float64).numpy() == first).all()


def test_ranges():
    gp.manual_seed(0)
    numbers = draw.uniform(-2.0, 3.0, 20_000)
    assert numbers.min() >= -2 and numbers.max() < 3
    assert abs(numbers.mean() - 0.5) < 5 * 5 / np.sqrt(12 * 20_000)
    whole = draw.below(7, draw.units(20_000))
    assert abs(np.bincount(whole) - 20_000 / 7).max() < 5 * np.sqrt(20_000 / 7)
    assert draw.below(3, np.nextafter(1.0, 0.0)) == 2
    assert abs(draw.chosen(0.3, 20_000).mean() - 0.3) < 5 * np.sqrt(0.21 / 20_000)


@pytest.mark.parametrize("is_strict", [False, True])
def test_boxes(is_strict):
    gp.manual_seed(1)
    boxes, are_found = draw.boxes(5000, 40, 60, (0.1, 0.9), (0.5, 2.0), is_strict)
    top, left, height, width = boxes[are_found].T
    assert are_found.mean() > 0.99
    assert top.min() == left.min() == 0 and (top + height).max() == 40 and (left + width).max() == 60
    assert (height < 40).all() == (width < 60).all() == is_strict
    ratio, area = width / height, width * height / 2400
    assert ratio.min() > 0.47 and ratio.max() < 2.1 and area.min() > 0.09 and area.max() < 0.91


def test_boxes_that_do_not_fit():
    _, are_found = draw.boxes(50, 4, 4, (1, 1), (3, 4), False)
    assert not are_found.any()
    assert draw.boxes(0, 4, 4, (1, 1), (1, 1), False)[0].shape == (0, 4)


def test_probabilities():
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ArgumentError, match="op: p must be a probability"):
            draw.check_probability("op", p)
