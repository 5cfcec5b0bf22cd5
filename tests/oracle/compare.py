"""When two results are the same: one table of tolerances, by dtype.

An elementwise result in lower precision may not be further from the result in float64 than PyTorch's is, or
than a few units in the last place. Everything else may differ from PyTorch's result by what torch.testing
allows, or else has to be at least as close to the result in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import torch

import gpunn as gp
from gpunn import backend
from tests.oracle.bridge import DTYPES, Twins, array_of

Array = np.ndarray[Any, Any]
Exact = Callable[[], Array | None]  # the result in float64, on demand


class Tolerance(NamedTuple):
    """|mine - theirs| <= atol + rtol |theirs|; in elementwise operations `ulps` units in the last place."""

    rtol: float
    atol: float
    ulps: float


TOLERANCES = {
    "float16": Tolerance(1e-3, 1e-5, 1),
    "bfloat16": Tolerance(1.6e-2, 1e-5, 1),
    "float32": Tolerance(1.3e-6, 1e-5, 4),
    "float64": Tolerance(1e-12, 1e-12, 0),
}
LOOSE = Tolerance(1e-7, 1e-7, 0)  # torch.testing's for float64
GRADIENT = {1: Tolerance(1e-9, 1e-10, 0), 2: Tolerance(1e-8, 1e-9, 0)}  # by order, in float64


def flat(value: Any) -> list[Any]:
    """The leaves of a nest of tuples and lists."""
    if isinstance(value, (list, tuple)):
        return [leaf for v in value for leaf in flat(v)]
    return [value]


def difference(
    mine: Any,
    theirs: Any,
    exact: Exact | None = None,
    *,
    elementwise: bool = False,
    tolerance: Tolerance | None = None,
    values: bool = True,
) -> str | None:
    """How `mine`, of gpunn, differs from `theirs`, of torch; None if it does not."""
    if not isinstance(theirs, torch.Tensor):
        return _difference_of_objects(mine, theirs, tolerance)
    if not isinstance(mine, gp.Tensor):
        return f"a {type(mine).__name__}, expected a Tensor"
    if tuple(mine.shape) != tuple(theirs.shape):
        return f"shape {tuple(mine.shape)}, expected {tuple(theirs.shape)}"
    if theirs.dtype not in DTYPES or mine.dtype is not DTYPES[theirs.dtype]:
        return f"dtype {mine.dtype}, expected {theirs.dtype}"
    if mine.device.type != Twins.device:
        return f"on {mine.device}, expected {Twins.device}"
    if not values:
        return None
    a, b = backend.asnumpy(mine.array), array_of(theirs)
    if np.array_equal(_bits(a), _bits(b)):
        return None
    if not mine.dtype.is_floating_point:
        return _worst(a, b, a != b)
    limit = tolerance or TOLERANCES[mine.dtype.name]
    bad = _too_far(a, b, limit)
    strict = elementwise and limit.ulps > 0
    if (strict or bad.any()) and exact is not None and (reference := exact()) is not None:
        bad = (bad | strict) & _worse_than(a, b, reference, limit.ulps if strict else 0)
    return _worst(a, b, bad) if bad.any() else None


def _difference_of_objects(mine: Any, theirs: Any, tolerance: Tolerance | None) -> str | None:
    if type(theirs) in (bool, int, str, type(None)) or isinstance(theirs, torch.Size):
        same = type(mine) is type(theirs) or isinstance(theirs, torch.Size)
        return None if same and mine == theirs else f"{mine!r}, expected {theirs!r}"
    if isinstance(theirs, float):
        limit = tolerance or TOLERANCES["float64"]
        close = isinstance(mine, float) and np.isclose(mine, theirs, limit.rtol, limit.atol, equal_nan=True)
        return None if close else f"{mine!r}, expected {theirs!r}"
    return f"{mine!r}, expected {theirs!r}: cannot compare"


def _bits(x: Array) -> Array:
    """`x` in a form in which equal means the same number: NaNs are equal, -0.0 is 0.0."""
    if x.dtype.kind in "fV":
        x = np.nan_to_num(x.astype(np.float64), nan=np.pi * 1e300, posinf=np.inf, neginf=-np.inf)
    return x


def _too_far(a: Array, b: Array, limit: Tolerance) -> Array:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return np.asarray(~np.isclose(x, y, limit.rtol, limit.atol, equal_nan=True))


def _worse_than(a: Array, b: Array, exact: Array, ulps: float) -> Array:
    """Where `a` is further from `exact` than `b` is, and than `ulps` units in the last place."""
    if exact.shape != a.shape:
        return np.ones(a.shape, bool)
    x, y, ref = a.astype(np.float64), b.astype(np.float64), exact.astype(np.float64)
    info = ml_dtypes.finfo(a.dtype)
    with np.errstate(all="ignore"):
        unit = float(info.eps) * np.maximum(2.0 ** np.floor(np.log2(np.abs(ref))), float(info.tiny))
        mine, theirs = np.abs(x - ref), np.abs(y - ref)
        allowed = np.fmax(np.fmax(theirs, 0.0), ulps * unit)
        close = mine <= allowed if ulps else mine <= np.nanmax(theirs, initial=0.0)
    same = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.isnan(x) & np.isnan(ref)) | (x == ref)
    return np.asarray(~(same | close))


def _worst(a: Array, b: Array, bad: Array) -> str:
    """The first element that differs, for a message."""
    where = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.ndim else ()
    place = f" at {tuple(map(int, where))}" if where else ""
    return f"{a[where]!s}, expected {b[where]!s}{place} ({int(bad.sum())} of {bad.size} differ)"
