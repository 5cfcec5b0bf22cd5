"""Results as a table for people and as JSON in the form of Google Benchmark."""

from __future__ import annotations

from typing import Any

from .case import Case
from .measure import Timing

Results = list[tuple[Case, dict[str, Timing]]]


def table(results: Results, places: list[str], missing: dict[str, str]) -> str:
    """One line a case: milliseconds and rate in each place, the speed-up of the GPU, the ratio to PyTorch."""
    head = ["case"]
    for place in places:
        head += [f"{_TITLES[place]} ms [p20, p80]", "rate"]
    if "cuda" in places:
        head.append("GPU/CPU")
    if "torch" in places:
        head.append("CPU/PyTorch")
    rows = [head]
    for case, times in results:
        row = [case.name]
        for place in places:
            if place in times:
                t = times[place]
                row += [f"{t.median * 1e3:.3f} [{t.low * 1e3:.3f}, {t.high * 1e3:.3f}]", rate(case, t)]
            else:
                row += [missing.get(place, "-").partition(" (")[0], ""]
        for place in ("cuda", "torch"):
            if place in places:
                row.append(_ratio(times, place))
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)


_TITLES = {"cpu": "CPU", "cuda": "GPU", "torch": "PyTorch CPU"}


def rate(case: Case, t: Timing) -> str:
    """Microseconds a call, images/s, GFLOP/s or GB/s: the first that the case counts."""
    if case.calls:
        return f"{t.median / case.calls * 1e6:.2f} us a call"
    if case.images:
        return f"{case.images / t.median:,.0f} images/s"
    if case.flops:
        return f"{case.flops / t.median / 1e9:.1f} GFLOP/s"
    return f"{case.moved / t.median / 1e9:.1f} GB/s" if case.moved else ""


def _ratio(times: dict[str, Timing], place: str) -> str:
    """How many times as fast the GPU is as the CPU; how fast the CPU is compared with PyTorch (1: as fast)."""
    if "cpu" not in times or place not in times:
        return "not measured"
    if place == "cuda":
        return f"{times['cpu'].median / times['cuda'].median:.1f}x"
    return f"{times['torch'].median / times['cpu'].median:.2f}"


def as_json(results: Results, context: dict[str, Any], missing: dict[str, str]) -> dict[str, Any]:
    """{"context": …, "benchmarks": […]} with times in milliseconds; places that were not there under "missing".

    `cpu_time` repeats the wall time: tools that compare such files want the field, and a GPU has no CPU time.
    """
    benchmarks: list[dict[str, Any]] = []
    for case, times in results:
        for place, t in times.items():
            entry: dict[str, Any] = {
                "name": f"{case.name}/{place}",
                "run_name": case.name,
                "run_type": "iteration",
                "backend": place,
                "iterations": t.runs,
                "real_time": t.median * 1e3,
                "cpu_time": t.median * 1e3,
                "time_unit": "ms",
                "p20": t.low * 1e3,
                "p80": t.high * 1e3,
            }
            if case.images:
                entry["items_per_second"] = case.images / t.median
            if case.moved:
                entry["bytes_per_second"] = case.moved / t.median
            if case.flops:
                entry["flops_per_second"] = case.flops / t.median
            benchmarks.append(entry)
    return {"context": {**context, "missing": missing}, "benchmarks": benchmarks}
