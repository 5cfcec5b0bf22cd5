"""The arrays of a convolution as kernels take them: one run of memory, channels first or last, three spatial axes."""

from __future__ import annotations

import functools
import math

from gpunn.backend import Array, array_module
from gpunn.ops.conv.geometry import Geometry


def run_of_memory(x: Array, last: bool) -> Array:
    """`x` (N, C, *positions) C-contiguous: itself, or with channels last (N, *positions, C). A view if it lies so."""
    return array_module(x).ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1) if last else x)


def empty(like: Array, shape: tuple[int, ...], last: bool) -> tuple[Array, Array]:
    """A new array of `shape` (N, C, *positions) and dtype as `like`, and the same memory as a C-contiguous array."""
    xp = array_module(like)
    if not last:
        y = xp.empty(shape, like.dtype)
        return y, y
    memory = xp.empty((shape[0], *shape[2:], shape[1]), like.dtype)
    return memory.transpose(0, memory.ndim - 1, *range(1, memory.ndim - 1)), memory


@functools.lru_cache(maxsize=1024)
def numbers(geo: Geometry, images: int, rows: int, depth: int) -> tuple[int, ...]:
    """The parameters of a kernel from `images` on: what windows.cuh calls Geometry."""
    missing = 3 - len(geo.kernel)
    ones, zeros = (1,) * missing, (0,) * missing
    axes = (
        *(*ones, *geo.kernel),
        *(*ones, *geo.stride),
        *(*ones, *geo.dilation),
        *(*zeros, *geo.before),
        *(*ones, *geo.size),
        *(*ones, *geo.out),
    )
    return images, geo.groups, rows, depth, *axes


def filter_distances(w: Array, last: bool) -> tuple[int, int, int]:
    """How far apart the elements of the filter (K, C / G, *kernel) are in memory: of K, of C / G, of the kernel."""
    channels, taps = w.shape[1], math.prod(w.shape[2:])
    return channels * taps, 1 if last else taps, channels if last else 1
