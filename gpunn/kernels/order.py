"""The order of numbers, found on a GPU without the host waiting: the host's side of kernels/indexing/order.cu.

CuPy's sort waits for the device, and so cannot be captured; outside captured steps it is the one that sorts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gpunn import capture, kernels
from gpunn.backend import Array, array_module, is_cuda

FILE: Final = "indexing/order"
BLOCK: Final = 256  # numbers that a block puts in order


def is_captured(x: Array) -> bool:
    """Whether `x` is on a GPU, in a step that is or will be captured: then it is sorted here, not by CuPy."""
    return capture.noted() is not None and is_cuda(x)


def stable(x: Array) -> Array:
    """The int64 places of the numbers of `x`, (n,), the smallest first, equal ones as they come."""
    return along_axis(x, 0) if is_captured(x) else array_module(x).argsort(x, kind="stable")


def along_axis(x: Array, axis: int, descending: bool = False) -> Array:
    """The int64 indices that sort `x` along `axis`; NaN counts as the largest number, equal ones stay as they are."""
    xp = array_module(x)
    moved = xp.moveaxis(x, axis, -1)
    _, order = rows(xp.ascontiguousarray(moved).reshape(x.size // max(1, x.shape[axis]), x.shape[axis]), descending)
    return xp.moveaxis(order.reshape(moved.shape), -1, axis)


def rows(x: Array, descending: bool = False) -> tuple[Array, Array]:
    """The numbers of each row of `x` in order, and their int64 places in it; `x` is (rows, length) and contiguous."""
    xp, (count, length) = array_module(x), x.shape
    found, places = xp.empty(x.shape, x.dtype), xp.empty(x.shape, np.int64)
    tiles, run = -(-length // BLOCK), BLOCK
    kernels.launch(FILE, "sort_tiles", count * tiles * BLOCK, (places, found, x, count, length, descending))
    while run < length:
        before, places_before = found, places
        found, places = xp.empty(x.shape, x.dtype), xp.empty(x.shape, np.int64)
        args = (places, found, places_before, before, count, length, run, descending)
        kernels.launch(FILE, "merge_runs", x.size, args)
        run *= 2
    return found, places
