"""The tables of a report: a line for each place that a case was timed in, and throughput by batch."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .ceilings import Ceilings, bound, share
from .crossover import words
from .measure import Result, Timing
from .tables import WIDTH, columns, duration, number, short

RIVALS = {  # whose times stand beside those of a place: the column, and the place in it
    "cpu": {"/torch": "torch", "/strong": "torch-strong"},
    "cuda": {"/cpu": "cpu", "/torch": "torch-cuda", "/strong": "torch-cuda-strong"},
    "cuda-captured": {"/cpu": "cpu", "/torch": "torch-cuda", "/strong": "torch-cuda-strong"},
}
COLUMNS = ("time [p20, p80]", "a call", "GB/s", "per s", "TFLOP/s", "%", "bound", "error")
BATCHES_IN_A_TABLE = 9
GPU = ("cuda", "cuda-captured")


def ratio(result: Result, ours: str, theirs: str) -> float | None:
    """How fast `ours` is in parts of the speed of `theirs`; None if one was not measured."""
    if ours not in result.times or theirs not in result.times:
        return None
    return result.times[theirs].median / result.times[ours].median


def table(results: list[Result], tops: dict[str, Ceilings]) -> str:
    """Each case that was measured, and below it a line for each place. A column that would be empty is not there."""
    found = [(result, name, _cells(result, name, tops)) for result in results for name in _names(result)]
    if not found:
        return "nothing was measured"
    titles = [*COLUMNS, *dict.fromkeys(title for rivals in RIVALS.values() for title in rivals)]
    titles = [title for title in titles if any(title in cells for _, _, cells in found)]
    rows: list[list[str]] = [["", *titles]]
    for result in [result for result in results if _names(result)]:
        rows.append([result.case.title])
        for other, name, cells in found:
            if other is result:
                rows.append([f"  {name}", *[cells.get(title, "") for title in titles]])
        rows += [[line] for line in _of_the_gpu(result)]
    return columns(rows)


def _names(result: Result) -> list[str]:
    return [*result.times, *[name for name in result.faults if name not in result.times]]


def _cells(result: Result, name: str, tops: dict[str, Ceilings]) -> dict[str, str]:
    """The cells of one place's line, by the title of their column."""
    if name not in result.times:
        return {COLUMNS[0]: "failed"}
    case, t = result.case, result.times[name]
    cells = {COLUMNS[0]: duration(t.median, t.low, t.high)}
    for title, count, scale in (("GB/s", case.bytes, 1e9), ("TFLOP/s", case.flops, 1e12)):
        if count:
            cells[title] = number(count / t.median / scale)
    if case.images:
        cells["per s"] = short(case.images / t.median)
    if case.calls:
        cells["a call"] = duration(t.median / case.calls)
    if (top := tops.get(name.partition("-")[0])) is not None:
        cells |= _of_the_roofline(result, name, t, top)
    if name in result.errors:
        cells["error"] = f"{result.errors[name]:.0e}"
    for title, rival in RIVALS.get(name, {}).items():
        if (found := ratio(result, name, rival)) is not None:
            cells[title] = f"{found:.2f}" if found < 99.995 else f"{found:.0f}"
    return cells


def _of_the_roofline(result: Result, name: str, t: Timing, top: Ceilings) -> dict[str, str]:
    cells = {}
    if (reached := share(result.case, t, top)) is not None:
        cells["%"] = f"{100 * reached[0]:.0f}"
    if by := bound(result.case, t, top, is_gpu=name != "cpu"):
        cells["bound"] = by
    return cells


def _of_the_gpu(result: Result) -> Iterator[str]:
    """Lines of what only a GPU has."""
    said = [f"{name} enqueue {duration(result.times[name].enqueue)}" for name in GPU if name in result.times]
    if result.transfers and "cuda" in result.times:
        said.append(f"transfer in {duration(result.transfers[0])}, out {duration(result.transfers[1])}")
    said += [f"{name} wins from batch {words(result.sweep, name)}" for name in GPU if name in result.sweep]
    if said:
        yield from textwrap.wrap("; ".join(said), WIDTH, initial_indent="    ", subsequent_indent="    ")


def by_batch(results: list[Result]) -> Iterator[str]:
    """Tables of samples a second by batch, of all cases that were timed with several; nine batches in each."""
    swept = [result for result in results if result.sweep]
    batches = sorted({n for result in swept for times in result.sweep.values() for n in times})
    for start in range(0, len(batches), BATCHES_IN_A_TABLE):
        part = batches[start : start + BATCHES_IN_A_TABLE]
        rows = [["", *map(str, part)]]
        for result in swept:
            rows.append([f"{result.case.title}: GPU wins from batch {words(result.sweep)}"])
            for name, times in result.sweep.items():
                rows.append([f"  {name}", *[short(n / times[n]) if n in times else "-" for n in part]])
        yield columns(rows)
