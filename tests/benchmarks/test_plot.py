"""The figure: its files, and the lines and points in it."""

import sys

import pytest

from benchmarks import plot as module
from benchmarks.case import PLACES, Case
from benchmarks.ceilings import Ceilings
from benchmarks.measure import Result, Timing
from benchmarks.report import Report

TOP = Ceilings({8: 8e9, 64: 2e9}, 1e-6, {"float32": 8e9})
CASE = Case("matmul/8", None, moved=1_000_000, flops=3_000_000)
RESULT = Result(CASE, {"cpu": Timing(0.001, 0.001, 0.001, 1)}, sweep={"cpu": {1: 0.5, 4: 1.0}})
REPORT = Report([RESULT], ["cpu"], {"cpu": TOP}, {}, {"cpu": "A B", "date": "2026-01-01"})


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_a_figure_is_written(tmp_path, name, start):
    file = tmp_path / name
    assert module.problem(str(file)) is None
    module.plot(REPORT, str(file))
    assert file.read_bytes().startswith(start)


def test_the_roof_has_its_ridge_where_the_two_ceilings_meet():
    assert module._roof(2e9, 8e9, (1.0, 16.0)) == ([1.0, 4.0, 16.0], [2.0, 8.0, 8.0])
    assert module._roof(2e9, 8e9, (8.0, 16.0)) == ([8.0, 16.0], [8.0, 8.0])
    assert module._roof(2e9, 8e9, (0.5, 2.0)) == ([0.5, 2.0], [1.0, 4.0])


def test_points_are_intensity_and_speed_of_cases_that_count_both():
    other = Result(Case("add", None, moved=4), {"cpu": Timing(1.0, 1.0, 1.0, 1)})
    assert module._points([RESULT, other], "cpu") == [(3.0, pytest.approx(3.0), "matmul/8")]
    assert module._points([RESULT], "cuda") == []


def test_throughput_lies_by_batch():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    module._throughput(axes, [RESULT])
    line, case, place = axes.get_lines()
    assert line.get_xydata().tolist() == [[1.0, 2.0], [4.0, 4.0]]
    assert (case.get_label(), place.get_label()) == ("matmul", "cpu")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4"]


def test_rooflines_are_of_copies_in_memory_and_dashed_in_cache():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    module._rooflines(axes, REPORT)
    roof, cached = axes.get_lines()
    assert roof.get_xydata().tolist() == [[1.5, 3.0], [4.0, 8.0], [6.0, 8.0]]
    assert cached.get_xydata().tolist() == [[1.5, 8.0], [6.0, 8.0]] and cached.get_linestyle() == "--"
    (dots,) = axes.collections
    assert dots.get_offsets().tolist() == [[3.0, pytest.approx(3.0)]] and dots.get_label() == "cpu"


def test_every_place_has_a_style():
    styles = [str(style) for style in module.STYLES.values()]
    assert set(module.STYLES) == set(PLACES) and len(set(styles)) == len(styles)


def test_nothing_measured_gives_an_empty_figure(tmp_path):
    module.plot(Report([], [], {}, {}, {}), str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").stat().st_size > 0


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert module.problem(str(tmp_path / "a.png")) == '--plot needs matplotlib: pip install "gpunn[plot]"'


def test_wrong_files_are_refused_before_anything_runs(tmp_path):
    assert "ends in .png or .svg" in module.problem(str(tmp_path / "a.jpg"))
    assert "there is no folder" in module.problem(str(tmp_path / "nowhere" / "a.png"))
