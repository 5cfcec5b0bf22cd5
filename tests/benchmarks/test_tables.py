"""Rows of cells, numbers as words, means."""

import math

import pytest

from benchmarks.tables import columns, geometric_mean, markdown, number


def test_cells_stand_below_each_other():
    assert columns([["a", "bb"], ["ccc", ""]]) == "a    bb\n---  --\nccc"


def test_markdown_keeps_bars_out_of_cells():
    assert markdown([["a", "b"], ["1|2", ""]]) == "| a | b |\n|---|---|\n| 1/2 |  |"


def test_the_geometric_mean():
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1)
    assert geometric_mean([1e300, 1e300, 1e-300]) == pytest.approx(1e100)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1234.4, "1234"),
        (123.0, "123"),
        (12.34, "12.3"),
        (1.0, "1.00"),
        (0.01234, "0.0123"),
        (-0.5, "-0.500"),
        (1.2345e-6, "1.2e-06"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_digits(value, words):
    assert number(value) == words
