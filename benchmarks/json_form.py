"""Results as JSON in the form of Google Benchmark, which its own tools can compare."""

from __future__ import annotations

from typing import Any

from .ceilings import bound, share
from .crossover import crossover
from .measure import Result, Timing
from .report import Report
from .rows import GPU

UNIT, SCALE = "ns", 1e9


def as_json(report: Report) -> dict[str, Any]:
    """{"context": …, "benchmarks": […]}, times in nanoseconds; places that were not there under "missing".

    `real_time`, `p20` and `p80` are a run's time by the clock (on a GPU by its events), `cpu_time` the CPU time that
    the process took meanwhile.
    """
    entries = []
    for index, result in enumerate(report.results):
        for instance, (name, t) in enumerate(result.times.items()):
            numbered = {"family_index": index, "per_family_instance_index": instance}
            title = f"{result.case.title}/{name}"
            entries.append({"name": title, "run_name": title, **numbered, **_entry(result, name, t, report)})
    tops = {
        name: {
            "copy_bytes_per_second": top.copy,
            "copies": {str(size): rate for size, rate in top.copies.items()},
            "call_seconds": top.call,
            "flops_per_second": top.products,
            "steadiness": top.steadiness,
        }
        for name, top in report.ceilings.items()
    }
    faults = {f"{r.case.title}/{name}": fault for r in report.results for name, fault in r.faults.items()}
    context = {**report.context, "ceilings": tops, "missing": report.missing, "failed": faults}
    return {"context": context, "benchmarks": entries}


def _entry(result: Result, name: str, t: Timing, report: Report) -> dict[str, Any]:
    case = result.case
    entry: dict[str, Any] = {
        "run_type": "iteration",
        "repetitions": 1,
        "repetition_index": 0,
        "threads": 1,
        "case": case.title,
        "family": case.family,
        "backend": name,
        "dtype": case.dtype,
        "layout": case.layout,
        "iterations": t.runs,
        "real_time": t.median * SCALE,
        "cpu_time": t.cpu * SCALE,
        "time_unit": UNIT,
        "p20": t.low * SCALE,
        "p80": t.high * SCALE,
    }
    for key, count in (("items", case.images), ("bytes", case.bytes), ("flops", case.flops), ("calls", case.calls)):
        if count:
            entry[f"{key}_per_second"] = count / t.median
    if name in result.errors:
        entry["error"] = result.errors[name]
    if (top := report.ceilings.get(name.partition("-")[0])) is not None:
        entry["bound"] = bound(case, t, top, is_gpu=name != "cpu")
        if (reached := share(case, t, top)) is not None:
            entry["share_of_ceiling"] = reached[0]
    if name in GPU:
        entry |= _of_the_gpu(result, name, t)
    if name in result.sweep:
        entry["ms_by_batch"] = {str(batch): 1e3 * seconds for batch, seconds in result.sweep[name].items()}
    if case.reason:
        entry["reason"] = case.reason
    return entry


def _of_the_gpu(result: Result, name: str, t: Timing) -> dict[str, Any]:
    found: dict[str, Any] = {"enqueue_us": t.enqueue * 1e6}
    if name == "cuda":
        found["kernels"] = result.launches
        if result.transfers:
            found |= {"transfer_in_ms": result.transfers[0] * 1e3, "transfer_out_ms": result.transfers[1] * 1e3}
    if name in result.sweep and "cpu" in result.sweep:
        found["wins_from_batch"] = crossover(result.sweep["cpu"], result.sweep[name])
    return found
