"""Rows scattered into a CuPy array by key. The same functions as in rows_numpy.py, with the same results.

CuPy leaves open which of several writes to one place wins, and adds with atomics in any order; so the keys
are sorted (stably) first, and every place is written once.
"""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module


def assign(target: Array, key: Array, rows: Array) -> None:
    """target[key] = rows; of rows with the same key the last one stays."""
    if rows.ndim == 0:
        target[key] = rows
        return
    order, key, last = _sorted(key)
    target[key[last]] = rows[order[last]]


def combine(how: str, target: Array, key: Array, rows: Array) -> None:
    """target[key] = ufunc(target[key], rows) over all rows with that key.

    A segmented scan: after step k, each row holds the result of the up to 2ᵏ rows of its key that end with
    it.
    """
    xp = array_module(target)
    ufunc = {"sum": xp.add, "prod": xp.multiply, "amax": xp.maximum, "amin": xp.minimum}[how]
    order, key, last = _sorted(key)
    scan = _widened(rows[order])
    reach = 1
    while reach < len(key):
        same = key[reach:] == key[:-reach]
        if not same.any():
            break
        joined = ufunc(scan[:-reach], scan[reach:])
        scan = xp.concatenate([scan[:reach], xp.where(same[:, None], joined, scan[reach:])])
        reach *= 2
    ends = key[last]
    target[ends] = ufunc(_widened(target[ends]), scan[last])


def _sorted(key: Array) -> tuple[Array, Array, Array]:
    """The stable order of `key`, `key` in that order, and the positions there of the last of each value."""
    xp = array_module(key)
    order = xp.argsort(key, kind="stable")
    key = key[order]
    is_last = xp.ones(key.shape, bool)
    is_last[:-1] = key[1:] != key[:-1]
    return order, key, xp.flatnonzero(is_last)


def _widened(rows: Array) -> Any:
    """`rows` in float32 if they are of a half type."""
    return rows.astype("float32") if rows.dtype.itemsize == 2 and rows.dtype.kind in "fV" else rows
