"""The figure of `--plot`: where each case lies below the roofline, and throughput by batch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from .case import PLACES
from .measure import Result
from .report import Report

FORMATS = (".png", ".svg")
COLOURS = {"cpu": "tab:blue", "cuda": "tab:green"}
MARKERS = {"cpu": "o", "cuda": "o", "cuda-captured": "x"}
STYLES = dict(zip(PLACES, ("-", "--", "-.", ":", (0, (1, 3)), (0, (3, 1, 1, 1)), (0, (5, 5))), strict=True))
MOST_LABELS = 24
_NEAR: dict[str, Any] = {"textcoords": "offset points"}


def problem(file: str) -> str | None:
    """Why no figure can be written to `file`; None if it can."""
    if Path(file).suffix not in FORMATS:
        return f"--plot {file}: expected a name that ends in {' or '.join(FORMATS)}"
    if not Path(file).resolve().parent.is_dir():
        return f"--plot {file}: there is no folder {Path(file).parent}"
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        return '--plot needs matplotlib: pip install "gpunn[plot]"'
    return None


def plot(report: Report, file: str) -> None:
    """Write the figure. On the left the rooflines of the places that were measured, on the right the batches."""
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _rooflines(left, report)
    _throughput(right, report.results)
    where = [report.context.get(key) for key in ("gpu", "cpu", "date")]
    figure.suptitle(", ".join(["gpunn bench", *[str(word) for word in where if word]]), fontsize=10)
    figure.savefig(file, dpi=150)


def _rooflines(axes: Any, report: Report) -> None:
    points = {name: _points(report.results, name) for name in MARKERS}
    everything = [x for found in points.values() for x, _, _ in found] or [1.0]
    span = min(everything) / 2, max(everything) * 2
    for name, top in report.ceilings.items():
        for kind, rate in top.products.items():
            x, y = _roof(top.copy, rate, span)
            (line,) = axes.plot(x, y, color=COLOURS[name], linewidth=1)
            axes.annotate(f"{name}, {kind}", (x[-1], y[-1]), fontsize=6, xytext=(-2, 2), **_NEAR, ha="right")
        fastest = max(top.copies.values())
        if top.products and fastest > top.copy:
            axes.plot(*_roof(fastest, max(top.products.values()), span), "--", color=line.get_color(), linewidth=0.5)
    for name, found in points.items():
        if found:
            x, y = [p[0] for p in found], [p[1] for p in found]
            axes.scatter(x, y, s=16, marker=MARKERS[name], color=COLOURS[name.partition("-")[0]], label=name)
            _labels(axes, found if len(found) <= MOST_LABELS else [])
    axes.set(xscale="log", yscale="log", xlabel="FLOP for each byte that must be moved", ylabel="GFLOP/s")
    axes.set_title("Roofline of measured products and copies, dashed: copies in cache", fontsize=9)
    _plain(axes.xaxis, axes.yaxis)
    _legend(axes)


def _labels(axes: Any, points: list[tuple[float, float, str]]) -> None:
    """Names beside points, on the other side where the next point below is near."""
    ordered = sorted(points, key=lambda point: point[1])
    before = (0.0, 0.0, "")
    for point in ordered:
        x, y, label = point
        is_near = before[1] > 0 and y / before[1] < 1.15 and 0.2 < x / before[0] < 5
        where = {"xytext": (-4, 2), "ha": "right"} if is_near else {"xytext": (4, 2), "ha": "left"}
        axes.annotate(label, (x, y), fontsize=5, **_NEAR, **where)
        before = (0.0, 0.0, "") if is_near else point


def _points(results: list[Result], name: str) -> list[tuple[float, float, str]]:
    """Intensity, GFLOP/s and name of each case that counts both bytes and flops."""
    found = []
    for result in results:
        case = result.case
        if name in result.times and case.bytes and case.flops:
            found.append((case.flops / case.bytes, case.flops / result.times[name].median / 1e9, case.title))
    return found


def _roof(copy: float, rate: float, span: tuple[float, float]) -> tuple[list[float], list[float]]:
    """The corners of min(copy · intensity, rate), in GFLOP/s."""
    ridge = rate / copy
    x = sorted({span[0], max(span[0], min(ridge, span[1])), span[1]})
    return x, [min(copy * i, rate) / 1e9 for i in x]


def _throughput(axes: Any, results: list[Result]) -> None:
    """A colour for each case, a style for each place."""
    swept = [result for result in results if result.sweep]
    batches = sorted({n for result in swept for times in result.sweep.values() for n in times})
    names = dict.fromkeys(name for result in swept for name in result.sweep)
    for i, result in enumerate(swept):
        for name, by_batch in result.sweep.items():
            x = sorted(by_batch)
            axes.plot(
                x, [n / by_batch[n] for n in x], linestyle=STYLES[name], marker=".", color=f"C{i % 10}", linewidth=1
            )
        axes.plot([], [], color=f"C{i % 10}", label=result.case.title.rpartition("/")[0])
    for name in names:
        axes.plot([], [], linestyle=STYLES[name], color="black", linewidth=1, label=name)
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="samples a second")
    axes.set_title("Throughput by batch", fontsize=9)
    axes.set_xticks(batches, [str(n) for n in batches])
    axes.set_xticks([], minor=True)
    _plain(axes.yaxis)
    _legend(axes)


def _plain(*scales: Any) -> None:
    """Write numbers as numbers, at 1, 2 and 5 times the powers of ten."""
    ticker = importlib.import_module("matplotlib.ticker")
    for scale in scales:
        scale.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        scale.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
        scale.set_minor_formatter(ticker.NullFormatter())


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if 0 < len(labels) <= MOST_LABELS:
        axes.legend(handles, labels, fontsize=6)
