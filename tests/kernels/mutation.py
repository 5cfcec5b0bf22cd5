"""Runs mutants of our kernels: do the checks and comparisons notice a small fault?

```
python -m tests.kernels.mutation [FILE …]      # writes the survivors of these files into survivors.txt
```
A mutant is dead if check mode reports it, if the launch raises, or if a result has other bits. What does not compile
says nothing and does not count. Of each file run all mutants that drop a barrier, a commit or a wait, and others from
all over the file: so many that there are `MOST` together, and `MOST` / 2 at least.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gpunn import emulator, kernels
from gpunn.emulator import compiler
from gpunn.kernels import bounds, prepared, source
from tests.emulator.mutants import mutants
from tests.kernels.mutation_runs import RUNS, WITHOUT
from tests.kernels.mutation_runs.run import Run
from tests.kernels.orders import on_host, small_grid

SURVIVORS = Path(__file__).with_name("survivors.txt")
MOST = 8
TIME_LIMIT = 5.0  # seconds of a launch; a mutant may never end


@dataclass
class Outcome:
    """What became of the mutants of one file."""

    dead: int = 0
    survivors: list[str] = field(default_factory=list)
    not_compiled: int = 0

    @property
    def total(self) -> int:
        """Those that count."""
        return self.dead + len(self.survivors)


def chosen(text: str) -> list[tuple[str, str]]:
    """The mutants of `text` that run: (description, text)."""
    everything = mutants(text)
    barriers = [m for m in everything if ": drop: " in m[0]]
    others = [m for m in everything if ": drop: " not in m[0]]
    count = min(len(others), max(MOST // 2, MOST - len(barriers)))
    spread = [others[(2 * i + 1) * len(others) // (2 * count)] for i in range(count)]
    return sorted(barriers + spread, key=lambda m: int(re.findall(r"\d+", m[0])[0]))


def outcome(path: str, runs: Sequence[Run]) -> Outcome:
    """What became of the mutants of `kernels/<path>`, judged by these runs."""
    with changed(path) as write, compiled_fast(), emulator.enable(check=True, time_limit=TIME_LIMIT):
        text = write(None)
        wanted = [bits(run) for run in runs]
        result = Outcome()
        for description, mutant in chosen(text):
            write(mutant)
            verdict = judged(runs, wanted)
            if verdict == "alive":
                result.survivors.append(description)
            elif verdict == "dead":
                result.dead += 1
            else:
                result.not_compiled += 1
        write(None)
        assert [bits(run) for run in runs] == wanted, f"{path}: a mutant has left something behind"
    return result


def judged(runs: Sequence[Run], wanted: Sequence[list[bytes]]) -> str:
    """ "dead", "alive" or "not compiled"."""
    for run, right in zip(runs, wanted, strict=True):
        try:
            if bits(run) != right:
                return "dead"
        except emulator.KernelCompileError:
            return "not compiled"
        except (Exception, pytest.fail.Exception):
            return "dead"
    return "alive"


def bits(run: Run) -> list[bytes]:
    """The results of a run, byte for byte."""
    with small_grid():
        return [array.tobytes() for array in on_host(run())]


@contextlib.contextmanager
def changed(path: str) -> Iterator[Callable[[str | None], str]]:
    """Kernels from a copy of the folder, in which `write(text)` replaces one file; returns what was there first."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        copy = Path(folder) / "kernels"
        shutil.copytree(source.KERNEL_DIR, copy)
        original = (copy / path).read_text()
        patch.setattr(source, "KERNEL_DIR", copy)

        def write(text: str | None) -> str:
            (copy / path).write_text(original if text is None else text)
            _forget()
            return original

        try:
            yield write
        finally:
            patch.undo()
            _forget()


@contextlib.contextmanager
def compiled_fast() -> Iterator[None]:
    """The emulator does not optimise, nor note lines: most of the time goes into compiling mutants, which run for a
    moment only.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "_KERNEL", (*compiler._KERNEL, "-g0"))
        patch.setattr(compiler, "_OPTIMISATION", {False: "-O0", True: "-O0"})
        compiler._precompiled.cache_clear()
        yield
    compiler._precompiled.cache_clear()


def _forget() -> None:
    """Nothing that was compiled or parsed stays."""
    source.kernel_file.cache_clear()
    prepared.compiled.cache_clear()
    prepared.function_of.cache_clear()
    kernels._prepared.clear()
    bounds._faults.clear()


@dataclass
class Row:
    """What survivors.txt says of a file."""

    dead: int
    total: int
    survivors: dict[str, str]  # description, and the reason why that is no harm


def read() -> dict[str, Row]:
    """The rows of survivors.txt; files without runs have none."""
    found: dict[str, Row] = {}
    for line in SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else ():
        if row := re.fullmatch(r"(\S+): (\d+) of (\d+)", line):
            survivors = found[row[1]] = Row(int(row[2]), int(row[3]), {})
        elif line.startswith(" "):
            description, _, reason = line.strip().rpartition(" | ")
            survivors.survivors[description] = reason
    return found


def written(table: dict[str, Row]) -> str:
    """The text of survivors.txt."""
    dead, total = (sum(getattr(row, name) for row in table.values()) for name in ("dead", "total"))
    lines = [
        "# Mutants of the kernels that nothing notices, and why that is no harm. FILE: the dead of all.",
        f"# Together {dead} of {total} died: {100 * dead / max(1, total):.1f} %. "
        "Written by python -m tests.kernels.mutation; the reasons by hand.",
    ]
    for path in sorted({*table, *WITHOUT}):
        if path in WITHOUT:
            lines.append(f"{path}: no runs | {WITHOUT[path]}")
            continue
        lines.append(f"{path}: {table[path].dead} of {table[path].total}")
        lines += [f"    {description} | {reason}" for description, reason in table[path].survivors.items()]
    return "\n".join(lines) + "\n"


def reason_of(description: str, before: dict[str, str]) -> str:
    """That of the same mutant, perhaps on another line than `before`."""
    what = description.partition(": ")[2]
    moved = {reason for old, reason in before.items() if old.partition(": ")[2] == what}
    return before.get(description) or (moved.pop() if len(moved) == 1 else "WHY?")


def main(paths: Sequence[str]) -> int:
    """Run the mutants of `paths` (none: of all files that have runs) and write what survived."""
    for path in paths or RUNS:
        start = seconds()
        found = outcome(path, RUNS[path])
        table = read()
        before = table[path].survivors if path in table else {}
        table[path] = Row(found.dead, found.total, {d: reason_of(d, before) for d in found.survivors})
        SURVIVORS.write_text(written(table))
        print(
            f"{path}: {found.dead} of {found.total} died, {found.not_compiled} did not compile, "
            f"{seconds() - start:.1f} s of CPU",
            flush=True,
        )
        print("".join(f"    {d}\n" for d in found.survivors), end="", flush=True)
    return 0


def seconds() -> float:
    """CPU time of this process and the compilers it has called."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
