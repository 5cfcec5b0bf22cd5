"""The check that the numbers of a tensor lie in a range, which no GPU is waited for."""

from __future__ import annotations

import math

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.kernels import bounds


class InRange(Function):
    """x itself, whose numbers lie in [low, high], or are NaN if `or_nan`."""

    def __init__(self, low: float, high: float, or_nan: bool, text: str) -> None:
        self.low, self.high, self.or_nan, self.text = low, high, or_nan, text

    def forward_numpy(self, x: Array) -> Array:
        is_wrong = (x < self.low) | (x > self.high) if self.or_nan else ~((x >= self.low) & (x <= self.high))
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            at = bounds.at_position(first, x.shape)
            raise bounds.out_of_range(self.text, float(x.reshape(-1)[first]), at)
        return x

    def forward_cuda(self, x: Array) -> Array:
        xp = array_module(x)
        values = xp.ascontiguousarray(x if x.dtype.kind in "fV" else x.astype(np.float64))
        slot = bounds.range_slot(x, self.text)
        args = (values, values.size, self.low, self.high, self.or_nan, *slot)
        kernels.launch("value_range", "range_check", values.size, args)
        return x


def check_range(text: str, x: Array, low: float = 0.0, high: float = math.inf, or_nan: bool = False) -> None:
    """Raise ArgumentError with `text`, the first wrong number and its place unless all of `x` is in [low, high].

    On a GPU the error comes when the host next waits for it, as that of an index.
    """
    InRange(low, high, or_nan, text)(Variable.result_type(x))
