"""The table of `gpunn kernels --list`: what kernels take of a GPU, and the formulas of what they move and compute."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tqdm import tqdm

from gpunn.kernels import nvrtc
from gpunn.kernels.nvrtc import Resources
from gpunn.kernels.source import C_TYPES, Kernel, KernelFile
from gpunn.kernels.survey import Build, builds, described, survey

RESOURCES: Final = ("registers", "shared", "stack", "spills")


@dataclass(frozen=True)
class Named:
    """A kernel and the file it stands in."""

    file: KernelFile
    kernel: Kernel


@dataclass
class Measured:
    """What the compiler told of kernels for one architecture; `problem` if there is no compiler."""

    arch: int
    problem: str | None
    resources: dict[tuple[str, str, str], Resources] = field(default_factory=dict)  # file, configuration, kernel
    complaints: list[str] = field(default_factory=list)  # warnings, and what it said of sources that do not compile

    def cells(self, one: Named, labels: Sequence[str]) -> tuple[str, ...]:
        """The columns RESOURCES of a kernel over the configurations `labels`: "24", or "24-40" where they differ."""
        if self.problem is not None:
            return ("-",) * len(RESOURCES)
        if self.arch < one.file.arch:
            return f"from sm_{one.file.arch}", *("-",) * (len(RESOURCES) - 1)
        keys = [(one.file.stem, label, one.kernel.name) for label in labels]
        taken = [self.resources[key] for key in keys if key in self.resources]
        if not taken:
            return "refused", *("-",) * (len(RESOURCES) - 1)
        return (
            _span(r.registers for r in taken),
            _span(r.shared for r in taken),
            _span(r.stack for r in taken),
            _span(max(r.spill_stores, r.spill_loads) for r in taken),
        )


def measure(found: Sequence[Named], arch: int) -> Measured:
    """Compile the files of `found` in every configuration for sm_`arch`, as far as that is possible here."""
    measured = Measured(arch, nvrtc.problem())
    if measured.problem is None and arch not in nvrtc.compilers()[0].architectures:
        measured.problem = f"{nvrtc.compilers()[0]} knows no sm_{arch}"
    if measured.problem is not None:
        return measured
    files = {one.file.stem: one.file for one in found}
    wanted: list[Build] = list(builds(files.values(), (arch,)))
    refused: dict[str, list[str]] = {}
    reports = survey(wanted)
    for build, report in tqdm(reports, "compile", len(wanted), leave=False, disable=not sys.stderr.isatty()):
        if report.failed:
            refused.setdefault(build.file.stem, []).append(f"{build}: {report.log.strip()}")
            continue
        measured.complaints.extend(f"{build}: {warning}" for warning in report.warnings)
        for kernel, resources in report.resources.items():
            measured.resources[build.file.stem, described(build.configuration), kernel] = resources
    for first, *others in refused.values():  # one mistake is often one of every configuration
        measured.complaints.append(first + (f"\n(and {len(others)} other configurations)" if others else ""))
    return measured


def table(found: Sequence[Named], measured: Measured, is_detailed: bool) -> Iterator[str]:
    """The lines of the table: a row a kernel or, `is_detailed`, a row for each of its configurations."""
    rows: list[tuple[str, ...]] = [
        ("file", "kernel", "configuration" if is_detailed else "types", *RESOURCES, "bytes", "FLOPs")
    ]
    for one in found:
        labels = [described(configuration) for configuration in one.file.configurations()]
        costs = one.kernel.bytes or "-", one.kernel.flops or "-"
        for first, group in [(label, [label]) for label in labels] if is_detailed else [(types(one), labels)]:
            rows.append((one.file.stem, one.kernel.name, first, *measured.cells(one, group), *costs))
            costs = "", ""  # once a kernel is enough
    if measured.problem is None:
        yield f"sm_{measured.arch}, {nvrtc.compilers()[0]}; shared memory, stack and spills in bytes"
    else:
        yield f"sm_{measured.arch}, not compiled: {measured.problem}"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def types(one: Named) -> str:
    """The types that the kernel's arrays and numbers may have: "T: float __half"; "-" if they do not vary."""
    used = {parameter.type for parameter in one.kernel.parameters}
    lines = []
    for names, choices in one.file.choices:
        for i, name in enumerate(names):
            words = list(dict.fromkeys(choice[i] for choice in choices))
            if name in used and set(words) <= set(C_TYPES.values()):
                lines.append(f"{name}: {', '.join(words)}")
    return "; ".join(lines) or "-"


def _span(numbers: Iterator[int]) -> str:
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"
