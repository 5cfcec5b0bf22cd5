"""Counts what an operation asks of CuPy: each call that computes an array is a launch of its own on a GPU."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import gpunn as gp
from gpunn import emulator
from gpunn.emulator.storage import MemoryHook, Storage
from tests.harness import as_tuple

HERE = str(Path(emulator.__file__).parent)
UNWRITTEN = {"empty", "empty_like"}  # nothing is launched for these
IN_PLACE = {"in_place", "write", "fill", "copyto", "put", "at"}


class Calls(MemoryHook):
    """A context that counts the emulator's functions that were called from outside it and computed something.

    Computed is what lies in memory of its own, or what was written in place; views, shapes and new memory are free.
    """

    name = "Calls"

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._allocated = 0
        self._open: list[tuple[FrameType, str, int]] = []

    def malloc_postprocess(self, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        self._allocated += 1

    def __enter__(self) -> Calls:
        super().__enter__()
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        super().__exit__(*exc)

    def _profile(self, frame: FrameType, event: str, value: Any) -> None:
        if event == "call":
            if not self._open and frame.f_code.co_filename.startswith(HERE) and "emulator/module" not in _file(frame):
                self._open.append((frame, _name(frame), self._allocated))
        elif event == "return" and self._open and self._open[-1][0] is frame:
            _, name, before = self._open.pop()
            if name in UNWRITTEN:
                return
            if self._allocated > before or name in IN_PLACE or _has_out(frame):
                self.found[name] += 1


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _name(frame: FrameType) -> str:
    """The name of the function: of CuPy's, where one of ours plays them all."""
    ours, given = frame.f_code.co_name, frame.f_locals
    if ours == "call" and "name" in given:
        return str(given["name"])
    if ours in ("forward", "reflected", "compare", "apply") and "ufunc" in given:
        return str(given["ufunc"].__name__)
    if ours == "__call__" and hasattr(given["self"], "name"):
        return str(given["self"].name).removeprefix("cupy_")
    return ours


def _has_out(frame: FrameType) -> bool:
    return isinstance((frame.f_locals.get("kwargs") or {}).get("out"), Storage)


def calls_of(function: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Counter[str], Counter[str]]:
    """What `function(*inputs)` asks of CuPy, and what the gradients of those inputs that require one do."""
    function(*inputs)  # kernels are compiled, tables made
    with Calls() as forward:
        found = function(*inputs)
    outs = [y for y in as_tuple(found) if isinstance(y, gp.Tensor) and y.requires_grad]
    grads = [gp.ones_like(y) for y in outs]
    leaves = [x for x in inputs if isinstance(x, gp.Tensor) and x.requires_grad]
    with Calls() as backward:
        if outs and leaves:
            gp.autograd.grad(outs, leaves, grads, allow_unused=True)
    return forward.found, backward.found
