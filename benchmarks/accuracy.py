"""How far a result is from the same computation in float64."""

from __future__ import annotations

from typing import Any

import numpy as np


def tensors(answer: Any) -> list[Any]:
    """The tensors in what a case gave: of itself, and in tuples, lists and dictionaries; None has none."""
    if answer is None or isinstance(answer, bool | int | float | str):
        return []
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, tuple | list):
        return [x for part in answer for x in tensors(part)]
    return [answer.detach()]


def error(answer: list[Any], exact: list[Any]) -> float:
    """max |answer - exact| / max |exact|, the largest over the tensors. NaN where only one of the two is finite."""
    return max(_error(_array(a), _array(b)) for a, b in zip(answer, exact, strict=True))


def _array(x: Any) -> np.ndarray[Any, Any]:
    x = x.cpu()
    if str(x.dtype).rpartition(".")[2] == "bfloat16":  # NumPy has no such type
        x = x.float()
    return np.asarray(x.numpy(), np.float64)


def _error(answer: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    if answer.shape != exact.shape:
        return float("nan")
    if exact.size == 0:
        return 0.0
    if not np.array_equal(np.isfinite(answer), np.isfinite(exact)):
        return float("nan")
    finite = np.isfinite(exact)
    if not finite.any():
        return 0.0
    scale = np.abs(exact[finite]).max()
    return float(np.abs(answer[finite] - exact[finite]).max() / (scale if scale > 0 else 1.0))
