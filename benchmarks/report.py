"""What was measured as text for people: surroundings, tables, kernels, notes, means and worst cases."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from .ceilings import Ceilings, bound, share, told
from .measure import Result
from .rows import RIVALS, by_batch, ratio, table
from .tables import WIDTH, geometric_mean, number

SLOW = 0.2  # of PyTorch's speed: below that, a note says why
BUSY = 0.9  # of the time of runs on a CPU: if the process had the CPU for less, other work disturbed it
NO_BREAK = "\u00a0"  # a space that lines are not broken at
HEADER = {  # lines of the header: what is in them, and how
    "machine": ("cpu", "{num_cpus} CPUs", "threads of BLAS: {threads}"),
    "gpu": ("gpu", "{multiprocessors} multiprocessors", "driver {driver}", "CUDA {cuda}", "CuPy {cupy}"),
    "software": ("gpunn {gpunn}", "commit {commit}", "Python {python}", "NumPy {numpy}", "{blas}", "PyTorch {torch}"),
    "precision": ("{dtypes}", "TF32: {tf32}"),
    "caches": ("{cache}",),
    "clock": ("{clock}",),
}


@dataclass
class Report:
    """What was measured: a result for each case, the ceilings of each place, and why places are not there."""

    results: list[Result]
    places: list[str]  # that were asked for, also those that are not there
    ceilings: dict[str, Ceilings]
    missing: dict[str, str]
    context: dict[str, Any]
    stopped: str = ""  # where, if the run was stopped


def text(report: Report) -> str:
    """All of it, at most 100 columns wide where names are not longer."""
    groups = dict.fromkeys(result.case.family.partition("/")[0] for result in report.results)
    parts = [header(report)]
    for group in groups:
        found = [result for result in report.results if result.case.family.partition("/")[0] == group]
        parts.append(_title(group, report) + table(found, report.ceilings))
    parts += [f"[throughput, samples a second by batch]\n{part}" for part in by_batch(report.results)]
    parts += [part for part in (kernels(report.results), notes(report), summary(report), report.stopped) if part]
    return "\n\n".join(parts)


def _title(group: str, report: Report) -> str:
    absent = ", ".join(name for name in report.missing if not name.startswith("torch"))
    return f"[{group}]" + (f" {absent}: not measured" if absent else "") + "\n" if group else ""


def header(report: Report) -> str:
    """Where the numbers come from, the ceilings, and what is not there."""
    lines = [f"gpunn bench, {report.context.get('date', '')}".rstrip(", ")]
    for label, parts in HEADER.items():
        said = [_filled(part, report.context) for part in parts]
        if any(said):
            lines += _line(label, ", ".join(part for part in said if part))
    for name, top in report.ceilings.items():
        lines += _line("ceilings", f"{name}: {_of_ceilings(top)}")
    for name, reason in report.missing.items():
        lines += _line("missing", f"{name}: {reason}")
    return "\n".join(lines)


def _filled(part: str, context: dict[str, Any]) -> str:
    """ "driver {driver}" with the value of the context; "" if there is none."""
    key = part.partition("{")[2].partition("}")[0] or part
    value = context.get(key)
    return "" if value in ("", None) else part.format(**context) if "{" in part else str(value)


def _line(label: str, said: str) -> list[str]:
    return textwrap.wrap(f"{label:11}{said}", WIDTH, subsequent_indent=" " * 11, break_on_hyphens=False)


def _of_ceilings(top: Ceilings) -> str:
    said = [f"copy {number(top.copy / 1e9)} GB/s"]
    if (cached := max(top.copies.values())) > top.copy:
        said[0] += f" ({number(cached / 1e9)} in cache)"
    said += [f"{kind} products {number(rate / 1e12)} TFLOP/s" for kind, rate in top.products.items()]
    said.append(f"smallest call {number(top.call * 1e6)} us")
    if not top.is_steady:
        said.append(f"UNRELIABLE: the median is {100 * top.steadiness:.0f} % of the best, other work disturbs")
    return ", ".join(said)


def kernels(results: list[Result]) -> str:
    """The kernels that one run of each case launched on the GPU, how often, and in which configuration."""
    lines = []
    for result in results:
        if "cuda" in result.times:
            used = [f"{count} x {label}" if count > 1 else label for label, count in result.launches.items()]
            whole = [word.replace(" ", NO_BREAK) for word in used]
            said = f"{result.case.title}: {'; '.join(whole) or 'libraries of CUDA'}"
            wrapped = textwrap.fill(said, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            lines.append(wrapped.replace(NO_BREAK, " "))
    return "\n".join(["[kernels, blocks x threads]", *lines]) if lines else ""


def notes(report: Report) -> str:
    """Why PyTorch is much faster, where it is; what failed; whether the machine was busy."""
    slow = {}
    for result in report.results:
        found = ratio(result, "cpu", "torch")
        if found is not None and found < SLOW:
            slow[f"{result.case.title}, {found:.2f}"] = result.case.reason or _measured(result, report)
    faults = {f"{r.case.title} in {name}": fault for r in report.results for name, fault in r.faults.items()}
    parts = []
    for title, said in ((f"below {SLOW:g} of PyTorch's speed on the CPU:", slow), ("failed:", faults)):
        if said:
            parts.append("\n".join([title, *[line for item in said.items() for line in _note(*item)]]))
    times = [t for result in report.results for name, t in result.times.items() if "cuda" not in name]
    had = sum(t.cpu for t in times) / sum(t.median for t in times) if times else 1.0
    if 0 < had < BUSY:
        told = f"busy: runs on the CPU had it for {100 * had:.0f} % of their time. Ratios of places on one device"
        told += " suffer less than times; --cpu-time leaves the waiting out."
        parts.append(textwrap.fill(told, WIDTH, subsequent_indent="  "))
    return "\n\n".join(parts)


def _measured(result: Result, report: Report) -> str:
    """What the times on the CPU say of a case without a note."""
    top = report.ceilings.get("cpu")
    if top is None:
        return told("", None)
    reached = share(result.case, result.times["cpu"], top)
    return told(bound(result.case, result.times["cpu"], top, is_gpu=False), None if reached is None else reached[0])


def _note(key: str, said: str) -> list[str]:
    first = said.strip().partition("\n")[0]
    return textwrap.wrap(f"{key}: {first}", WIDTH, initial_indent="  ", subsequent_indent="    ")


def summary(report: Report) -> str:
    """Geometric means of the ratios, by family and of all, and the worst case of each."""
    lines = []
    for ours, rivals in RIVALS.items():
        for theirs in [*rivals.values(), *(["cuda"] if ours == "cuda-captured" else [])]:
            lines += _means(report, ours, theirs)
    if "cuda" in report.missing:
        lines.append(f"GPU: not measured; {report.missing['cuda'].partition(' (')[0]}")
    return "\n".join(lines)


def _means(report: Report, ours: str, theirs: str) -> list[str]:
    found = [(value, r) for r in report.results if (value := ratio(r, ours, theirs)) is not None]
    if not found:
        return []
    by_family: dict[str, list[float]] = {}
    for value, result in found:
        by_family.setdefault(result.case.family, []).append(value)
    means = [f"{name.rpartition('/')[2]} {geometric_mean(values):.2f}" for name, values in by_family.items()]
    worst, result = min(found, key=lambda pair: pair[0])
    mean = geometric_mean([value for value, _ in found])
    cases = f"{len(found)} case{'s' if len(found) > 1 else ''}"
    lines = [f"{ours} / {theirs}: geometric mean {mean:.2f} of {cases}, worst {worst:.2f} ({result.case.title})"]
    return lines + textwrap.wrap(", ".join(means), WIDTH, initial_indent="  ", subsequent_indent="  ")
