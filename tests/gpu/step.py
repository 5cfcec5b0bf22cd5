"""What a step is, and what its cases may answer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Case = Callable[[], Any]  # returns facts for the results, or None


class Skipped(Exception):
    """A case, or a whole step, that cannot run here; the text says why."""


class Failed(Exception):
    """A case that found faults; `facts` are what it found besides."""

    def __init__(self, text: str, facts: Any = None) -> None:
        super().__init__(text)
        self.facts = facts


@dataclass(frozen=True)
class Setting:
    """Where the steps run: on the GPU, or, as a rehearsal, on the emulator with small sizes."""

    rehearsal: bool = False

    @property
    def device(self) -> str:
        """The value of pytest's --device."""
        return "emulated" if self.rehearsal else "cuda"

    def pick(self, full: Any, small: Any) -> Any:
        """`full` on a GPU, `small` in a rehearsal."""
        return small if self.rehearsal else full


@dataclass(frozen=True)
class Step:
    """One part of the check.

    `module` is where it is STEP. `cases(setting)` gives its cases by name, without touching the GPU. They run in
    `at_once` processes, which share them, or, `alone`, each in a process of its own. A case may take `limit` seconds.
    """

    name: str
    title: str
    module: str
    cases: Callable[[Setting], Mapping[str, Case]]
    limit: int = 120
    at_once: int = 1
    alone: bool = False


def need_pytest() -> None:
    """Skip what is made of the test suite where pytest is missing, or what all tests need."""
    missing = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    if missing:
        raise Skipped(f"{' and '.join(missing)} not installed here: pip install {' '.join(missing)}")


def python(arguments: Sequence[str], before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python in the root of the checkout, with its output; `before` is a program that runs it."""
    return subprocess.run([*before, sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
