"""Runs mutants of our kernels: do the checks and comparisons notice a small fault?

```
python -m tests.kernels.mutation [FILE …]      # writes the survivors of these files into survivors.txt
```
A mutant is dead if check mode reports it, if the launch raises, or if a result has other bits. What does not compile
says nothing and does not count. Of each file at most `MOST` mutants run: all that drop a barrier, a commit or a wait,
and of the others every n-th.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gpunn import emulator, kernels
from gpunn.errors import GpunnError
from gpunn.kernels import prepared, source
from tests.emulator.mutants import mutants
from tests.kernels.mutation_runs import RUNS
from tests.kernels.orders import on_host, small_grid

SURVIVORS = Path(__file__).with_name("survivors.txt")
MOST = 20
TIME_LIMIT = 5.0  # seconds of a launch; a mutant may never end

Run = Callable[[], Any]


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
    step = max(1, -(-len(others) // max(1, MOST - len(barriers))))
    return sorted(barriers + others[step // 2 :: step], key=lambda m: int(re.findall(r"\d+", m[0])[0]))


def outcome(path: str) -> Outcome:
    """What became of the mutants of `kernels/<path>`, judged by its runs."""
    runs = RUNS[path]
    with changed(path) as write, emulator.enable(check=True, time_limit=TIME_LIMIT):
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
    return result


def judged(runs: Sequence[Run], wanted: Sequence[list[bytes]]) -> str:
    """ "dead", "alive" or "not compiled"."""
    for run, right in zip(runs, wanted, strict=True):
        try:
            if bits(run) != right:
                return "dead"
        except emulator.KernelCompileError:
            return "not compiled"
        except GpunnError:
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


def _forget() -> None:
    """Nothing that was compiled or parsed stays."""
    source.kernel_file.cache_clear()
    prepared.compiled.cache_clear()
    kernels._prepared.clear()


def read() -> dict[str, tuple[int, int, dict[str, str]]]:
    """survivors.txt: for each file the dead, the total, and the survivors with the reasons why that is no harm."""
    found: dict[str, tuple[int, int, dict[str, str]]] = {}
    for line in SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else ():
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            path, dead, total = re.fullmatch(r"(\S+): (\d+) of (\d+)", line).groups()  # type: ignore[union-attr]
            found[path] = int(dead), int(total), {}
        else:
            description, _, reason = line.strip().partition(" | ")
            found[path][2][description] = reason
    return found


def write(table: dict[str, tuple[int, int, dict[str, str]]]) -> None:
    """The table as text."""
    dead, total = (sum(row[i] for row in table.values()) for i in (0, 1))
    lines = [
        "# Mutants of the kernels that checks and tests do not notice, and why that is no harm: file: dead of all.",
        f"# Together {dead} of {total} died: {100 * dead / max(1, total):.1f} %. "
        "Written by python -m tests.kernels.mutation; the reasons by hand.",
    ]
    for path, (killed, all_of_them, survivors) in sorted(table.items()):
        lines.append(f"{path}: {killed} of {all_of_them}")
        lines += [f"    {description} | {reason}" for description, reason in survivors.items()]
    SURVIVORS.write_text("\n".join(lines) + "\n")


def main(paths: Sequence[str]) -> int:
    """Run the mutants of `paths` (none: of all files that have runs) and write what survived."""
    for path in paths or RUNS:
        found = outcome(path)
        table = read()
        reasons = table[path][2] if path in table else {}
        table[path] = found.dead, found.total, {d: reasons.get(d, "WHY?") for d in found.survivors}
        write(table)
        print(f"{path}: {found.dead} of {found.total} died, {found.not_compiled} did not compile", flush=True)
        print("".join(f"    {d}\n" for d in found.survivors), end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
