"""Rows of cells, numbers as words, means."""

import math

import pytest

from benchmarks.tables import columns, duration, geometric_mean, markdown, number, short


def test_cells_stand_below_each_other_flush_right():
    assert columns([["", "bb"], ["ccc", "1"], ["d", ""]]) == "     bb\nccc   1\nd"


def test_a_row_of_one_cell_is_a_line():
    assert columns([["", "bb"], ["a long heading"], ["c", "10"]]) == "   bb\na long heading\nc  10"


def test_what_is_too_long_for_the_first_column_has_its_own_line():
    rows = [["", "number"], ["short", "1"], ["much too long", "2"]]
    assert columns(rows, width=17).splitlines() == ["      number", "short      1", "much too long", f"{2:>12}"]
    assert columns(rows, width=21).splitlines()[2] == "much too long       2"


def test_gaps_are_narrow_where_there_is_no_room():
    assert columns([["a", "b", "c"]], width=7) == "a  b  c"
    assert columns([["a", "b", "c"]], width=6) == "a b c"


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
        (9.996, "10.0"),
        (0.9996, "1.00"),
        (0.01234, "0.0123"),
        (-0.5, "-0.500"),
        (1.2345e-6, "1.2e-06"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_digits(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((12.34,), "12.3 s"),
        ((0.9996,), "1.00 s"),
        ((0.9994,), "999 ms"),
        ((1e-3, 0.5e-3, 2e-3), "1.00 ms [0.500, 2.00]"),
        ((0.9994e-3, 2e-3), "999 us [2000]"),
        ((1e-7,), "0.100 us"),
    ],
)
def test_durations_have_one_unit(seconds, words):
    assert duration(*seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "0.500"), (999.4, "999"), (999.6, "1.00k"), (12345, "12.3k"), (5e6, "5.00M"), (2e9, "2.00G")],
)
def test_large_numbers_are_short(value, words):
    assert short(value) == words
