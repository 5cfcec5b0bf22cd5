"""NumPy without its floating point warnings, around operations: infinities and NaNs are values here, as in PyTorch.

`np.errstate` takes 1.3 µs, more than many an operation. What it sets is a context variable; found once, it is set in
0.16 µs (one core of an AMD EPYC, NumPy 2.4, 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar, copy_context
from typing import Any, Final

import numpy as np


def found() -> tuple[ContextVar[Any], Any] | None:
    """The context variable that `np.errstate` sets, and its value while all warnings are off; None if there is none."""
    before = copy_context()
    with np.errstate(all="ignore"):
        changed = [(var, value) for var, value in copy_context().items() if before.get(var) is not value]
    return changed[0] if len(changed) == 1 else None


def _errstate() -> AbstractContextManager[None]:
    """`quietly` for a NumPy that keeps this elsewhere."""
    return np.errstate(all="ignore")


def _run_by_errstate(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """`run_quietly` for such a NumPy."""
    with _errstate():
        return function(*arguments)


def _run_by_variable(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """function(*arguments) without warnings."""
    if _errors.get(None) is _ignored:
        return function(*arguments)
    before = _errors.set(_ignored)
    try:
        return function(*arguments)
    finally:
        _errors.reset(before)


class _Quietly:
    """A context without warnings, in which `run_quietly` has little to do."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _errors.set(_ignored)

    def __exit__(self, *exc: object) -> None:
        _errors.reset(self._before)


_known: Final = found()
_errors, _ignored = _known or (ContextVar("gpunn_errors"), None)
run_quietly: Final = _run_by_errstate if _known is None else _run_by_variable
quietly: Final[Callable[[], AbstractContextManager[None]]] = _errstate if _known is None else _Quietly
