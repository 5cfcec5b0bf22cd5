"""Rows scattered into a NumPy array by key: the last one wins, or all are added, multiplied, compared.

`target` (n, d) is contiguous and is changed; `key` (m,) holds integers in [0, n); `rows` is (m, d), or one
number for all. What is done depends on the order of `key` alone, so results are the same every time. The
twin for the GPU: rows_cuda.py.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gpunn.backend import Array

UFUNCS: Final = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
CHUNK: Final = 1 << 16  # elements that are worked on at once
LONG: Final = 16  # numbers of a row that is added as a whole
TURNS: Final = 8  # rows of one key that are added one by one in their own type


def write(how: str, out: Array, key: Array, length: int, source: Array) -> None:
    """Put `source`, cut into rows of `length` elements (0-d: one number for all), into the contiguous `out`.

    `how` is "assign" (the last row of a key wins), "sum", "prod", "amax" or "amin" (with what `out` holds).
    """
    if key.size == 0 or length == 0:
        return
    target, key = out.reshape(-1, length), key.reshape(-1)
    if source.ndim:
        source = source.reshape(-1, length)
    elif how != "assign":
        source = np.broadcast_to(source, (len(key), length))
    if how == "assign":
        assign(target, key, source)
    else:
        combine(how, target, key, source)


def assign(target: Array, key: Array, rows: Array) -> None:
    """target[key] = rows; of rows with the same key the last one stays, as NumPy promises."""
    if target.shape[1] == 1 and rows.ndim:
        target[:, 0][key] = rows[:, 0]  # half the time
    else:
        target[key] = rows


def combine(how: str, target: Array, key: Array, rows: Array) -> None:
    """target[key] = ufunc(target[key], rows), one row after the other; `_add` says how floats are added."""
    if how == "sum" and target.dtype.kind in "fV":
        _add(target, key, rows)
    elif target.dtype.itemsize == 2 and target.dtype.kind in "fV":
        wide = target.astype(np.float32)
        _at(UFUNCS[how], wide, key, rows)
        target[...] = wide
    else:
        _at(UFUNCS[how], target, key, rows)


def _add(target: Array, key: Array, rows: Array) -> None:
    """Long rows in their own type, half types in float32, and what is short in float64; rounded once at the end.

    Only the rows that occur are worked on if they are few: a gradient may have many more than that.
    """
    is_long = target.shape[1] >= LONG
    if is_long and target.dtype.itemsize > 2:
        _add_rows(target, key, rows)
        return
    used: Any = slice(None)
    if len(target) > 2 * len(key):
        used, key = _compact(key, len(target))
    part = target[used]
    if is_long:
        part = part.astype(np.float32)
        _add_rows(part, key, rows)
    else:
        part = part + _sums(len(part), key, rows)
    target[used] = part


def _add_rows(target: Array, key: Array, rows: Array) -> None:
    """target[key] += rows: the first row of each key, then the second, and so on; many of one key in float64.

    16384 rows of 256 into 10000, float32: 16 ms; by element numbers in float64 35 ms, by reduceat 37 ms (NumPy 2.4, one
    core of an AMD EPYC, November 2026).
    """
    order = _order(key)
    key = key[order]
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    count = np.diff(first, append=len(key))
    step = max(1, CHUNK // target.shape[1])
    for turn in range(min(TURNS, int(count.max()))):
        now = first[count > turn] + turn
        for start in range(0, len(now), step):
            part = now[start : start + step]
            sums = target.take(key[part], axis=0)
            sums += rows[order[part]]  # not take, which copies all rows if they are a view
            target[key[part]] = sums
    for i in np.flatnonzero(count > TURNS):
        left = rows[order[first[i] + TURNS : first[i] + count[i]]]
        target[key[first[i]]] += left.sum(0, dtype=np.float64).astype(target.dtype)


def _order(key: Array) -> Array:
    """What sorts `key`, equal ones in their order; 16 bits at a time, for which NumPy counts and compares nothing."""
    order = np.argsort(key.astype(np.uint16), kind="stable")
    for shift in range(16, int(key.max()).bit_length(), 16):
        order = order[np.argsort((key[order] >> shift).astype(np.uint16), kind="stable")]
    return order


def _sums(n: int, key: Array, rows: Array) -> Array:
    """The sum of all rows with key i, for i < n, in float64."""
    if rows.shape[1] == 1:
        return np.bincount(key, rows[:, 0].astype(np.float64), n)[:, None]
    total = np.zeros((n, rows.shape[1]))
    _at(np.add, total, key, rows)
    return total


def _compact(key: Array, n: int) -> tuple[Array, Array]:
    """The different values in `key`, all below n, in order, and for each key the number of its value among them."""
    if len(key) < n // 32:  # sorting takes 80 ns a key, counting 2 ns a value that is possible
        return np.unique(key, return_inverse=True)
    used = np.flatnonzero(np.bincount(key, minlength=n))
    number = np.empty(n, np.int64)
    number[used] = np.arange(len(used))
    return used, number[key]


def _at(ufunc: np.ufunc, target: Array, key: Array, rows: Array) -> None:
    """ufunc.at for whole rows, through element numbers: on one dimension NumPy's `at` has a loop of its own.

    6400 rows of 128 into 10000, float32: 1.5 ms; with a row at a time 7.3 ms, by sorting and reduceat 4.5 ms
    (NumPy 2.4, one core of an AMD EPYC, November 2026).
    """
    d = target.shape[1]
    flat, columns, step = target.reshape(-1), np.arange(d), max(1, CHUNK // max(d, 1))
    for start in range(0, len(key), step):
        part = slice(start, start + step)
        numbers = (key[part, None] * d + columns).reshape(-1)
        ufunc.at(flat, numbers, rows[part].reshape(-1).astype(flat.dtype, copy=False))
