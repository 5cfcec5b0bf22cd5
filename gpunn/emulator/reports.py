"""What a launch has reported, with the lines of the source in place of addresses of code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gpunn.emulator.compiler import INCLUDE
from gpunn.emulator.runtime import Library
from gpunn.emulator.storage import EmulatorError

_CODE: Final = re.compile(r"\{code:(0x[0-9a-f]+)\}")


@dataclass(frozen=True)
class Report:
    """One fault: its kind ("race", "out of bounds" …), the variable ("" if none), the place as file:line, the whole."""

    kind: str
    variable: str
    place: str
    text: str


class KernelError(EmulatorError):
    """A kernel did what it must not; `reports` says what."""

    def __init__(self, launch: str, reports: Sequence[Report]) -> None:
        self.reports = list(reports)
        super().__init__("\n  ".join([launch, *(f"{r.place or '?'}: {r.kind}: {r.text}" for r in reports)]))


def parse_reports(text: str, library: Library) -> list[Report]:
    """The reports in the text of the runtime; one for each kind, variable and line."""
    addresses = sorted(set(_CODE.findall(text)))
    lines = dict(zip(addresses, _lines([int(a, 16) - library.image for a in addresses], library), strict=True))
    text = _CODE.sub(lambda match: lines[match[1]], text)
    reports: dict[tuple[str, str, str], Report] = {}
    for line in text.splitlines():
        report = Report(*line.split("\t"))
        reports.setdefault((report.kind, report.variable, report.place), report)
    return list(reports.values())


def _lines(offsets: Sequence[int], library: Library) -> list[str]:
    """file:line of the kernel's text for each offset of code: the innermost call that is not the emulator's."""
    tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
    if tool is None or not offsets:
        return [f"code {offset:#x}" for offset in offsets]
    command = [tool, "--inlines", "--addresses", "--exe", str(library.path), *map(hex, offsets)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    frames: list[list[str]] = []
    for line in answer.splitlines():
        if line.startswith("0x"):
            frames.append([])
        elif frames:
            frames[-1].append(re.sub(r" \(discriminator \d+\)$", "", line))
    return [_innermost(lines) for lines in frames]


def _innermost(lines: Sequence[str]) -> str:
    own = [line for line in lines if not line.startswith((str(INCLUDE), "??"))]
    return os.path.normpath((own or list(lines))[0])
