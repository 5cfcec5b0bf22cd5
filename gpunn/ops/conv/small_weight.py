"""The gradient of a convolution's weight with few channels, such as those of LeNet-5 and the first on coloured images.

Tiles of 32 x 32 or 64 x 64 would be mostly empty there, and look up every window anew for each element of the filter.
Here what a tile of the output sees is brought to shared memory once, and each thread owns some elements of the filter.
Sums are made in two phases, as everywhere: slices in a fixed order, then their sum.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.kernels.source import kernel_file
from gpunn.ops.conv import full_precision
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.conv.memory import numbers, run_of_memory
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import is_channels_last

FILE: Final = "conv/small_weight"
BLOCK: Final = 256
BANKS: Final = 32  # of shared memory
MOST: Final = 256  # positions of a tile
SHARED: Final = 46 << 10  # bytes of it that a block may take
FEW: Final = 8  # channels of a group of x; with more, what a tile sees is no longer small
MOVE: Final = 16  # instructions that bring one element to shared memory
TURN: Final = 64  # instructions of each thread that a tile takes beside its elements


@dataclass(frozen=True)
class Plan:
    """How weight_small is launched: `high` x `wide` positions in a tile, rows and planes so far apart in memory."""

    ROWS: int
    COLUMNS: int
    lanes: int
    high: int
    wide: int
    pitch: int
    plane: int
    shared: int  # bytes

    def blocks(self, rows: int, columns: int) -> int:
        """For `rows` channels of dy and `columns` channels and taps of x, in a group and a slice."""
        return -(-rows // self.ROWS) * -(-columns // (self.lanes * self.COLUMNS))

    def tiles(self, geo: Geometry, images: int) -> int:
        """Of the output."""
        _, _, _, (depth, high, width) = _three(geo)
        return images * depth * -(-high // self.high) * -(-width // self.wide)

    def slots(self, geo: Geometry, rows: int, depth: int, size: int) -> float:
        """Instructions for one position of the output, all threads together; `size`: bytes of a number."""
        kernel, _, _, out = _three(geo)
        tall, broad = _reach(geo, self.high, self.wide)
        multiply = self.lanes * (self.ROWS * self.COLUMNS + self.COLUMNS + self.ROWS * size // 16 + 4)
        load = MOVE * (depth * kernel[0] * tall * broad + self.high * self.wide * self.ROWS) + TURN * BLOCK
        each = multiply + load * self.tiles(geo, 1) / math.prod(out)
        return self.blocks(rows, depth * math.prod(kernel)) * each


def _three(geo: Geometry) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride, dilation and output along three axes."""
    missing = (1,) * (3 - len(geo.kernel))
    return tuple([missing + axes for axes in (geo.kernel, geo.stride, geo.dilation, geo.out)])


def _reach(geo: Geometry, high: int, wide: int) -> tuple[int, int]:
    """Rows and columns of x that a tile sees."""
    kernel, stride, dilation, _ = _three(geo)
    seen = [(n - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 for i, n in ((1, high), (2, wide))]
    return seen[0], seen[1]


@functools.lru_cache(maxsize=1024)
def best_plan(geo: Geometry, rows: int, depth: int, size: int) -> tuple[float, Plan] | None:
    """The plan with the fewest instructions for one position, and these; None if no tile fits.

    `rows`, `depth`: channels of dy and of x in a group; `size`: bytes of a number in shared memory.
    """
    if not 0 < depth <= FEW:
        return None
    timed = [(plan.slots(geo, rows, depth, size), i, plan) for i, plan in enumerate(_plans(geo, depth, size))]
    return min(timed)[::2] if timed else None


def _plans(geo: Geometry, depth: int, size: int) -> Iterator[Plan]:
    """All that fit."""
    kernel, _, _, out = _three(geo)
    widths = {min(out[2], MOST >> i) for i in range(6)}
    sizes = {(min(out[1], max(1, count // wide)), wide) for wide in widths for count in (256, 128, 64, 32)}
    words, chunk = BANKS * 4 // size, 16 // size
    for (build, lanes), (high, wide) in itertools.product(
        itertools.product(_builds(), (32, 64, 128, 256)), sorted(sizes)
    ):
        tall, broad = _reach(geo, high, wide)
        # So far apart, the elements that a filter sees at once lie in different banks.
        pitch = broad + (kernel[2] - broad) % words
        plane = tall * pitch + (kernel[1] * kernel[2] - tall * pitch) % words
        patch = depth * kernel[0] * plane
        needed = max(build[0] * BLOCK, patch + -patch % chunk + high * wide * (build[0] + 4)) * size
        if needed <= SHARED and high * wide <= MOST:
            yield Plan(*build, lanes, high, wide, pitch, plane, needed)


@functools.cache
def _builds() -> tuple[tuple[int, int], ...]:
    """ROWS and COLUMNS that the kernel is built for."""
    (words,) = [words for names, words in kernel_file(FILE).choices if "ROWS" in names]
    return tuple((int(rows), int(columns)) for rows, columns in words)


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool, plan: Plan) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output; channels last if `w_last`."""
    last = is_channels_last(x) or is_channels_last(g)
    rows, depth, taps = g.shape[1] // geo.groups, x.shape[1] // geo.groups, math.prod(geo.kernel)
    blocks, tiles = plan.blocks(rows, depth * taps) * geo.groups, plan.tiles(geo, x.shape[0])
    wanted = full_precision.slices_wanted(x.shape[0] * math.prod(geo.out), blocks, g.shape[1] * depth * taps)
    length = max(1, -(-tiles // wanted))
    slices = max(1, -(-tiles // length))
    columns = (taps, depth) if last else (depth, taps)
    parts = array_module(x).empty((slices, g.shape[1], *columns), np.float32 if is_half(x) else x.dtype)
    args = (
        parts,
        run_of_memory(g, last),
        run_of_memory(x, last),
        *(length, slices, plan.high, plan.wide, plan.pitch, plan.plane, plan.lanes),
        *numbers(geo, x.shape[0], rows, depth),
    )
    constants = {"ROWS": plan.ROWS, "COLUMNS": plan.COLUMNS, "LAST": int(last)}
    threads = blocks * slices * BLOCK if parts.size else 0
    kernels.launch(FILE, "weight_small", threads, args, constants, plan.shared)
    return full_precision.summed(parts, x, (g.shape[1], depth, *geo.kernel), last, w_last)
