import math

import pytest

from gpunn.optim.line_search import Point, minimum_of_cubic, strong_wolfe


def search(loss, slope, t, most=25):
    """A search along one dimension from 0, and the lengths that were tried."""
    tried = []

    def evaluate(t):
        tried.append(t)
        return Point(t, loss(t), None, slope(t))

    found, calls = strong_wolfe(evaluate, Point(0.0, loss(0.0), None, slope(0.0)), t, 1.0, most, 1e-9)
    assert calls == len(tried)
    return found, tried


FUNCTIONS = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "steep": (lambda t: t**8 - t, lambda t: 8 * t**7 - 1),
    "waves": (lambda t: 0.1 * t**2 - math.sin(3 * t), lambda t: 0.2 * t - 3 * math.cos(3 * t)),
    "flat": (lambda t: -t / (t**2 + 2), lambda t: (t**2 - 2) / (t**2 + 2) ** 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 10.0, 25.0])
def test_the_strong_wolfe_conditions_hold(name, t):
    loss, slope = FUNCTIONS[name]
    found, _ = search(loss, slope, t)
    assert found.loss <= loss(0.0) + 1e-4 * found.t * slope(0.0)
    assert abs(found.slope) <= 0.9 * abs(slope(0.0))


def test_a_good_first_length_is_taken():
    assert search(*FUNCTIONS["parabola"], 3.0)[1] == [3.0]


def test_the_number_of_trials_is_limited():
    for most in (0, 1, 3):
        found, tried = search(lambda t: -t, lambda t: -1.0, 1.0, most)
        assert len(tried) == most + 1 and found.t == tried[-1]


def test_a_search_that_finds_nothing_better_stays():
    """The slope is a lie: the loss grows at once."""
    found, _ = search(lambda t: t, lambda t: -1.0 if t == 0 else 1.0, 1.0)
    assert found.t < 1e-8 and found.loss <= 1e-8


def test_a_loss_that_is_not_finite_ends_the_search():
    found, tried = search(lambda t: math.nan if t else 0.0, lambda t: math.nan if t else -1.0, 1.0, 5)
    assert len(tried) <= 6 and (found.t == 0.0 or math.isnan(found.loss))


def test_minimum_of_a_cubic():
    def at(t):
        return Point(t, t**3 - 3 * t, None, 3 * t**2 - 3)

    assert minimum_of_cubic(at(0.0), at(2.0), 0.0, 2.0) == pytest.approx(1.0)
    assert minimum_of_cubic(at(2.0), at(0.0), 0.0, 2.0) == pytest.approx(1.0)
    assert minimum_of_cubic(at(0.0), at(2.0), 1.5, 2.0) == 1.5
    line = Point(0.0, 0.0, None, -1.0), Point(1.0, -1.0, None, -1.0)
    assert minimum_of_cubic(*line, 2.0, 4.0) == 3.0
