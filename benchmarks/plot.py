"""The figure of `--plot`: where each case lies below the roofline, and throughput by batch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from .ceilings import Ceilings
from .measure import Result
from .report import TITLES, Report

FORMATS = (".png", ".svg")
COLOURS = {"cpu": "tab:blue", "cuda": "tab:green"}


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
    where = report.context.get("gpu") or report.context.get("cpu") or ""
    figure.suptitle(f"gpunn bench, {where}, {report.context.get('date', '')}", fontsize=10)
    figure.savefig(file, dpi=150)


def _rooflines(axes: Any, report: Report) -> None:
    points = {name: _points(report.results, name) for name in report.ceilings}
    everything = [x for found in points.values() for x, _, _ in found] or [1.0]
    span = min(everything) / 2, max(everything) * 2
    for name, top in report.ceilings.items():
        colour = COLOURS.get(name, "tab:gray")
        for kind, rate in top.products.items():
            x, y = _roof(top, rate, span)
            axes.plot(x, y, color=colour, linewidth=1, label=f"{TITLES[name]}, {kind}")
        found = points[name]
        axes.scatter([x for x, _, _ in found], [y for _, y, _ in found], s=14, color=colour)
        for x, y, label in found if len(found) <= 24 else []:
            axes.annotate(label, (x, y), fontsize=5, xytext=(3, 2), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="FLOP for each byte that must be moved", ylabel="GFLOP/s")
    axes.set_title("Roofline, of measured copies and products", fontsize=9)
    _legend(axes)


def _points(results: list[Result], name: str) -> list[tuple[float, float, str]]:
    """Intensity, GFLOP/s and name of each case that counts both bytes and flops."""
    found = []
    for result in results:
        case = result.case
        if name in result.times and case.bytes and case.flops:
            found.append((case.flops / case.bytes, case.flops / result.times[name].median / 1e9, case.title))
    return found


def _roof(top: Ceilings, rate: float, span: tuple[float, float]) -> tuple[list[float], list[float]]:
    """The corners of min(copy · intensity, rate), in GFLOP/s."""
    ridge = rate / top.copy
    x = sorted({span[0], max(span[0], min(ridge, span[1])), span[1]})
    return x, [min(top.copy * i, rate) / 1e9 for i in x]


def _throughput(axes: Any, results: list[Result]) -> None:
    for result in results:
        for name, by_batch in result.sweep.items():
            batches = sorted(by_batch)
            style = "-" if name in ("cpu", "cuda") else ":"
            rates = [n / by_batch[n] for n in batches]
            axes.plot(
                batches, rates, style, marker=".", label=f"{result.case.title.rpartition('/')[0]}, {TITLES[name]}"
            )
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="samples a second")
    axes.set_xscale("log", base=2)
    axes.set_title("Throughput by batch", fontsize=9)
    _legend(axes)


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if 0 < len(labels) <= 24:
        axes.legend(handles, labels, fontsize=6)
