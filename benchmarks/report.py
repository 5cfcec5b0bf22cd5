"""Results as tables for people, with means and worst cases, and as JSON in the form of Google Benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .ceilings import Ceilings, bound, share
from .crossover import words
from .measure import Result, Timing
from .tables import columns, geometric_mean, number

TITLES = {
    "cpu": "CPU",
    "cuda": "GPU",
    "torch": "PyTorch CPU",
    "torch-strong": "PyTorch CPU strong",
    "torch-cuda": "PyTorch GPU",
    "torch-cuda-strong": "PyTorch GPU strong",
}
RATIOS = (  # the speed of the first in parts of the second's
    ("cuda", "cpu"),
    ("cpu", "torch"),
    ("cpu", "torch-strong"),
    ("cuda", "torch-cuda"),
    ("cuda", "torch-cuda-strong"),
)
SLOW = 0.2  # of PyTorch's speed: below that, the table says why


@dataclass
class Report:
    """What was measured: a result for each case, the ceilings of each place, and why places are not there."""

    results: list[Result]
    places: list[str]  # that were asked for, also those that are not there
    ceilings: dict[str, Ceilings]
    missing: dict[str, str]
    context: dict[str, Any]


def text(report: Report) -> str:
    """The surroundings, a table for each group of families, what ran on the GPU, notes, means and the worst cases."""
    groups = dict.fromkeys(result.case.family.partition("/")[0] for result in report.results)
    parts = [header(report)]
    for group in groups:
        found = [result for result in report.results if result.case.family.partition("/")[0] == group]
        parts.append((f"[{group}]\n" if group else "") + table(found, report))
    parts += [part for part in (kernels(report.results), notes(report.results), summary(report)) if part]
    return "\n\n".join(parts)


def header(report: Report) -> str:
    """Where the numbers come from, the ceilings, and what is not there."""
    lines = ["  ".join(f"{key}: {value}" for key, value in report.context.items() if value not in ("", None))]
    for name, top in report.ceilings.items():
        rates = [f"{kind} products {number(rate / 1e12)} TFLOP/s" for kind, rate in top.products.items()]
        rates = [f"copy {number(top.copy / 1e9)} GB/s", *rates, f"smallest call {number(top.call * 1e6)} us"]
        lines.append(f"ceilings, {TITLES[name]}: {', '.join(rates)}")
    return "\n".join([*lines, *[f"{name}: {reason}" for name, reason in report.missing.items()]])


def table(results: list[Result], report: Report) -> str:
    """One line a case; a GPU that is not there has one column, which says so."""
    filled = [column for column in _columns(report) if column[0] in ("case", "error") or _says(column, results)]
    rows = [[title for title, _ in filled]]
    rows += [[cell(result) for _, cell in filled] for result in results]
    return columns(rows)


Column = tuple[str, Callable[[Result], str]]


def _says(column: Column, results: Iterable[Result]) -> bool:
    return any(column[1](result) not in ("", "-") for result in results)


def _columns(report: Report) -> Iterable[Column]:
    yield "case", lambda r: r.case.title
    yield "error", _error
    for name in ("cpu", "cuda"):
        if name in report.missing:
            yield TITLES[name], lambda r: "not measured"
        elif name in report.places:
            yield from _own_columns(name, report.ceilings.get(name))
    for name in report.places:
        if name.startswith("torch") and name not in report.missing:
            yield f"{TITLES[name]} ms", lambda r, name=name: _milliseconds(r, name)  # type: ignore[misc]
    for ours, theirs in RATIOS:
        if ours in report.places and theirs in report.places and theirs not in report.missing:
            title = f"{TITLES[ours]} / {TITLES[theirs]}"
            yield title, lambda r, a=ours, b=theirs: _ratio(r, a, b)  # type: ignore[misc]
    if "cpu" in report.places and "cuda" in report.places:
        yield "GPU wins from batch", lambda r: words(r.sweep) if r.case.sweep else "-"


def _own_columns(name: str, top: Ceilings | None) -> Iterable[Column]:
    title = TITLES[name]

    def of(show: Callable[[Result, Timing], str]) -> Callable[[Result], str]:
        return lambda r: show(r, r.times[name]) if name in r.times else "-"

    yield f"{title} ms [p20, p80]", lambda r: _milliseconds(r, name)
    if name == "cuda":
        yield "enqueue us", of(lambda r, t: number(t.enqueue * 1e6))
        yield "in ms", lambda r: number(r.transfers[0] * 1e3) if r.transfers else "-"
        yield "out ms", lambda r: number(r.transfers[1] * 1e3) if r.transfers else "-"
    yield f"{title} calls or images/s", of(_rate)
    yield f"{title} GB/s", of(lambda r, t: number(r.case.bytes / t.median / 1e9) if r.case.moved else "-")
    yield f"{title} TFLOP/s", of(lambda r, t: number(r.case.flops / t.median / 1e12) if r.case.flops else "-")
    if top is not None:
        yield "% of ceiling", of(lambda r, t: _share(r, t, top))
        yield "bound", of(lambda r, t: bound(r.case, t, top, name == "cuda") or "-")


def _error(result: Result) -> str:
    """The largest error of gpunn's places."""
    errors = [result.errors[name] for name in ("cpu", "cuda") if name in result.errors]
    return f"{max(errors):.0e}" if errors else "-"


def _milliseconds(result: Result, name: str) -> str:
    if name in result.faults:
        return "failed"
    if name not in result.times:
        return "-"
    t = result.times[name]
    return f"{number(t.median * 1e3)} [{number(t.low * 1e3)}, {number(t.high * 1e3)}]"


def _rate(result: Result, t: Timing) -> str:
    if result.case.calls:
        return f"{t.median / result.case.calls * 1e6:.2f} us a call"
    return f"{result.case.images / t.median:,.1f}/s" if result.case.images else "-"


def _share(result: Result, t: Timing, top: Ceilings) -> str:
    reached = share(result.case, t, top)
    return "-" if reached is None else f"{100 * reached[0]:.0f}"


def ratio(result: Result, ours: str, theirs: str) -> float | None:
    """How fast `ours` is in parts of the speed of `theirs`; None if one was not measured."""
    if ours not in result.times or theirs not in result.times:
        return None
    return result.times[theirs].median / result.times[ours].median


def _ratio(result: Result, ours: str, theirs: str) -> str:
    found = ratio(result, ours, theirs)
    if found is None:
        return "-" if result.case.calls and "torch" in theirs else "not measured"
    return f"{found:.2f}"


def kernels(results: list[Result]) -> str:
    """The kernels that one run of each case launched on the GPU, how often, and what they were built for."""
    lines = []
    for result in results:
        if "cuda" in result.times:
            used = [f"{count} x {label}" if count > 1 else label for label, count in result.launches.items()]
            lines.append(f"  {result.case.title}: {'; '.join(used) or 'libraries of CUDA'}")
    return "\n".join(["kernels:", *lines]) if lines else ""


def notes(results: list[Result]) -> str:
    """Why PyTorch is much faster, where it is, and what failed."""
    lines = []
    for result in results:
        found = ratio(result, "cpu", "torch")
        if found is not None and found < SLOW:
            lines.append(f"  {result.case.title}, {found:.2f}: {result.case.note or 'nobody has looked into it'}")
    faults = [f"  {r.case.title} in {name}: {fault}" for r in results for name, fault in r.faults.items()]
    parts = ["\n".join([f"below {SLOW:g} of PyTorch's speed on the CPU:", *lines])] if lines else []
    return "\n".join(parts + (["\n".join(["failed:", *faults])] if faults else []))


def summary(report: Report) -> str:
    """Geometric means of the ratios, by family and of all, and the worst case of each."""
    lines = []
    for ours, theirs in RATIOS:
        found = [(value, r) for r in report.results if (value := ratio(r, ours, theirs)) is not None]
        if not found:
            continue
        by_family: dict[str, list[float]] = {}
        for value, result in found:
            by_family.setdefault(result.case.family, []).append(value)
        means = [f"{name.rpartition('/')[2]} {geometric_mean(values):.2f}" for name, values in by_family.items()]
        worst, result = min(found, key=lambda pair: pair[0])
        mean = geometric_mean([value for value, _ in found])
        lines.append(f"{TITLES[ours]} / {TITLES[theirs]}: geometric mean {mean:.2f} of {len(found)} cases,")
        lines.append(f"  worst {worst:.2f} ({result.case.title}); {', '.join(means)}")
    if "cuda" in report.missing:
        lines.append(f"GPU: not measured; {report.missing['cuda']}")
    return "\n".join(lines)


def as_json(report: Report) -> dict[str, Any]:
    """{"context": …, "benchmarks": […]} with times in milliseconds; places that were not there under "missing".

    `cpu_time` repeats the wall time: tools that compare such files want the field, and a GPU has no CPU time.
    """
    entries = [_entry(result, name, t, report) for result in report.results for name, t in result.times.items()]
    tops = {
        name: {"copy_bytes_per_second": top.copy, "call_seconds": top.call, "flops_per_second": top.products}
        for name, top in report.ceilings.items()
    }
    faults = {f"{r.case.title}/{name}": fault for r in report.results for name, fault in r.faults.items()}
    context = {**report.context, "ceilings": tops, "missing": report.missing, "failed": faults}
    return {"context": context, "benchmarks": entries}


def _entry(result: Result, name: str, t: Timing, report: Report) -> dict[str, Any]:
    case = result.case
    entry: dict[str, Any] = {
        "name": f"{case.title}/{name}",
        "run_name": case.title,
        "run_type": "iteration",
        "family": case.family,
        "backend": name,
        "dtype": case.dtype,
        "layout": case.layout,
        "iterations": t.runs,
        "real_time": t.median * 1e3,
        "cpu_time": t.median * 1e3,
        "time_unit": "ms",
        "p20": t.low * 1e3,
        "p80": t.high * 1e3,
    }
    for key, count in (("items", case.images), ("bytes", case.bytes), ("flops", case.flops), ("calls", case.calls)):
        if count:
            entry[f"{key}_per_second"] = count / t.median
    if name in result.errors:
        entry["error"] = result.errors[name]
    if (top := report.ceilings.get(name)) is not None:
        entry["bound"] = bound(case, t, top, name == "cuda")
        if (reached := share(case, t, top)) is not None:
            entry["share_of_ceiling"] = reached[0]
    if name == "cuda":
        entry |= {"enqueue_us": t.enqueue * 1e6, "kernels": result.launches}
        if result.transfers:
            entry |= {"transfer_in_ms": result.transfers[0] * 1e3, "transfer_out_ms": result.transfers[1] * 1e3}
    if name in result.sweep:
        entry["ms_by_batch"] = {str(batch): 1e3 * seconds for batch, seconds in result.sweep[name].items()}
    if case.note:
        entry["note"] = case.note
    return entry
