"""Arrays whose dimension 1, or another, are channels, as kernels see them: (outer, channels, inner) in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order

BLOCK = 256  # of channels.cu
CHUNK = 4096  # elements of a channel that one block adds


class Channels:
    """The order in memory of an array, and where its channels lie in it; without `dim`, all is one channel."""

    def __init__(self, like: Array, dim: int | None) -> None:
        self.axes = memory_order(like)
        self.back = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        shape = [like.shape[axis] for axis in self.axes]
        at = len(shape) if dim is None else self.axes.index(dim)
        self.count = 1 if dim is None else like.shape[dim]
        self.inner = like.size if dim is None else math.prod(shape[at + 1 :])

    def mapped(
        self,
        file: str,
        kernel: str,
        arrays: Sequence[Array],
        per_channel: Array,
        constants: dict[str, str] | None = None,
    ) -> Array:
        """y = kernel(arrays, per_channel), of the shape, dtype and order in memory of the array that this is for."""
        first = arrays[0]
        inputs = [turned(x, self.axes) for x in arrays]
        y = array_module(first).empty(inputs[0].shape, first.dtype)
        args = (y, *inputs, turned(per_channel), self.count, self.inner, y.size)
        kernels.launch(file, kernel, kernels.vector_threads(y), args, constants or kernels.NO_CONSTANTS)
        return y.transpose(self.back)

    def summed(self, term: str, grad: Array, x: Array) -> Array:
        """For each channel the sum of the `term` of channels.cu, of `grad` and `x`."""
        xp = array_module(grad)
        dy, at = turned(grad, self.axes), turned(x, self.axes)
        length = dy.size // max(self.count, 1)
        parts = -(-length // CHUNK)
        partial = xp.empty((parts, self.count), np.float64)
        constants = {"TERM": term}
        if self.inner == 1 and self.count > 1:
            tiles = parts * -(-self.count // 32)
            sizes = length, self.count, CHUNK, tiles
            kernels.launch("activation/channels", "column_parts", tiles * BLOCK, (partial, dy, at, *sizes), constants)
        else:
            sums = parts * self.count
            args = (partial, dy, at, length, self.count, self.inner, CHUNK, sums)
            kernels.launch("activation/channels", "channel_parts", sums * BLOCK, args, constants)
        y = xp.zeros(self.count, grad.dtype) if not dy.size else xp.empty(self.count, grad.dtype)
        threads = self.count * BLOCK if dy.size else 0
        kernels.launch("activation/channels", "channel_totals", threads, (y, partial, parts, self.count), constants)
        return y


def turned(x: Array, axes: Sequence[int] | None = None) -> Array:
    """`x` with its dimensions in the order `axes`, C-contiguous, without a copy if it lies so."""
    view = x if axes is None else x.transpose(axes)
    return view if view.flags.c_contiguous else array_module(x).ascontiguousarray(view)


def spread(per_channel: Array, ndim: int, dim: int | None) -> Array:
    """An array (channels,) so that it broadcasts along `dim` of arrays of `ndim` dimensions."""
    return per_channel.reshape([-1 if axis == dim else 1 for axis in range(ndim)])


def others(ndim: int, dim: int | None) -> tuple[int, ...]:
    """All dimensions but `dim`."""
    return tuple([axis for axis in range(ndim) if axis != dim])
