"""Median pooling: the winner of a window is its median, so everything but the choice is that of max pooling."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.errors import DtypeError
from gpunn.ops.pool.maximum import MaxPool
from gpunn.ops.pool.windows import Sizes, Windows, blocks, from_stack, padded, windows_over
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MedianPool(MaxPool):
    """The lower median of what each window sees of the input; a NaN if it sees one."""

    def __init__(self, windows: Windows) -> None:
        super().__init__(windows, True)

    def forward_numpy(self, x: Array) -> Array:
        windows, stack, medians, winners = self._prepared(x)
        for block in blocks(stack):
            winners[block], medians[block] = _medians(widened(stack[block]), windows)
        return self._with_winners(x, medians, winners)

    def forward_cuda(self, x: Array) -> Array:
        windows, stack, medians, winners = self._prepared(x)
        args = (medians, winners, stack, *windows.geometry(stack))
        kernels.launch("pool/median", "median_pool_forward", medians.size, args)
        return self._with_winners(x, medians, winners)

    def _with_winners(self, x: Array, medians: Array, winners: Array) -> Array:
        self.kept, self.shape = winners, x.shape
        return from_stack(medians, (*x.shape[: -len(self.windows.size)], *self.windows.out))


def _medians(stack: Array, windows: Windows) -> tuple[Array, Array]:
    """The numbers of the medians in their windows, and the medians. Of equals the first in the window comes first."""
    xp, wide, seen, inside = array_module(stack), padded(stack, windows, np.nan), [], []
    for taps in itertools.product(*map(range, windows.kernel)):
        seen.append(wide[:, *[windows.seen_at(axis, tap) for axis, tap in enumerate(taps)]])
        inside.append(_is_inside(windows, taps))
    values, known = xp.stack(seen), np.stack(inside).reshape(len(seen), 1, *windows.out, 1)
    order = values.argsort(axis=0, kind="stable")  # NaN, and so what is outside, comes last
    middle = (known.sum(axis=0, keepdims=True) - 1) // 2
    winner = xp.take_along_axis(order, np.broadcast_to(middle, (1, *order.shape[1:])), 0)
    nan = xp.isnan(values) & known
    winner = xp.where(nan.any(axis=0, keepdims=True), nan.argmax(axis=0)[None], winner)
    return winner[0], xp.take_along_axis(values, winner, 0)[0]


def _is_inside(windows: Windows, taps: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """For each window whether its element number `taps` is inside the input."""
    inside = np.ones((), bool)
    for axis, tap in enumerate(taps):
        at = windows.starts(axis) + tap * windows.dilation[axis]
        inside = inside[..., None] & (at >= 0) & (at < windows.size[axis])
    return inside


def median_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False
) -> Tensor:
    """The median of each window of images (N, C, H, W) or (C, H, W): (N, C, P, Q). PyTorch has no such pooling.

    Windows lie as in `max_pool2d`. Padding does not count; of an even number of elements the lower of the two in
    the middle is the median, as in `median`. A window with a NaN gives NaN. The gradient goes to the element chosen.
    """
    windows = windows_over("median_pool2d", input, 2, kernel_size, stride, padding, 1, ceil_mode)
    if not dtypes.of(input.array).is_floating_point:
        raise DtypeError(f"median_pool2d: not for {dtypes.of(input.array)}; use input.to(gpunn.float32)")
    result: Tensor = MedianPool(windows)(input)
    return result
