"""Sums and means of the losses of rows on a GPU: added up in float64, in an order that depends on their number only."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module

BLOCK: Final = 256
DIRECT: Final = 1 << 14  # so many numbers are added up by one block
BLOCKS: Final = 1024  # else so many blocks at most take part
EACH: Final = 16  # and a thread of theirs has so many numbers, or more


def total(rows: Array, dtype: Any, divisor: float | None) -> tuple[Array, Array]:
    """Σ rows[0] / divisor as an array of no dimensions and `dtype`, and 1 / divisor as one of float64.

    `rows` is float64, (2, n): losses and weights. Without a `divisor` it is Σ rows[1]. If it is 0, the first result is
    NaN and the second 0, so that gradients are 0.
    """
    cupy, n = array_module(rows), rows.shape[1]
    if n > DIRECT:
        blocks = min(BLOCKS, -(-n // (BLOCK * EACH)))
        sums = cupy.empty((2, blocks), np.float64)
        kernels.launch("loss/total", "partial_sums", blocks * BLOCK, (sums, rows, n), {"T": "double"})
        rows, n = sums, blocks
    result, factor = cupy.empty((), dtype), cupy.empty((), np.float64)
    has_weights = divisor is None
    args = (result, factor, rows, n, has_weights, 1.0 if divisor is None else float(divisor))
    kernels.launch("loss/total", "total", BLOCK, args)
    return result, factor
