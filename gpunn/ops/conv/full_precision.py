"""Convolutions of any shape by kernels that compute in the full precision of their dtype (half types: in float32).

kernels/conv/windows.cuh tells how both directions are one: the output is a correlation of the input with the filter,
and so is the gradient of the input, one for each residue of its positions modulo the stride.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.conv.memory import empty, filter_distances, is_channels_last, numbers, run_of_memory
from gpunn.ops.reduction.accumulate import is_half

BLOCK: Final = 256
WIDTH: Final = 64  # positions of a tile
STEP: Final = 16  # positions that weight_parts takes at a time
BLOCKS: Final = 512  # of a grid that keeps a GPU busy
LONGEST: Final = 4096  # positions that are added one after the other in float32
WORKSPACE: Final = 64 << 20  # bytes for the parts of a weight's gradient


def output(x: Array, w: Array, bias: Array | None, geo: Geometry) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed, plus bias."""
    return _correlate(x, w, bias, geo, False)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output; plus `bias` (C,) in a transposed one."""
    return _correlate(g, w, bias, geo, True)


def _correlate(x: Array, w: Array, bias: Array | None, geo: Geometry, transposed: bool) -> Array:
    last = is_channels_last(x) or is_channels_last(w)
    rows, depth = w.shape[0] // geo.groups, w.shape[1]
    w_row, w_depth, w_tap = filter_distances(w, is_channels_last(w))
    if transposed:
        rows, depth, w_row, w_depth = depth, rows, w_depth, w_row
    shape = (x.shape[0], rows * geo.groups, *(geo.size if transposed else geo.out))
    y, memory = empty(x, shape, last)
    weights = run_of_memory(w, is_channels_last(w))
    tile = _height(x, rows, y.size // max(1, shape[1]))
    args = (
        memory,
        run_of_memory(x, last),
        weights,
        weights if bias is None else array_module(bias).ascontiguousarray(bias),
        bias is not None,
        transposed,
        *(w_row, w_depth, w_tap),
        *numbers(geo, x.shape[0], rows, depth),
    )
    threads = tiles(geo, x.shape[0], rows, tile, WIDTH, transposed) * BLOCK if y.size else 0
    kernels.launch("conv/correlate", "correlate", threads, args, {"TILE": tile, "LAST": int(last)})
    return y


def _height(x: Array, rows: int, positions: int) -> int:
    """The height of the tile: the large one where it is full and there are enough of them."""
    is_full = x.dtype == np.float32 and -rows % 128 < 32
    return 128 if is_full and -(-rows // 128) * (positions // WIDTH) >= BLOCKS else 64


def tiles(geo: Geometry, images: int, rows: int, high: int, wide: int, transposed: bool) -> int:
    """How many tiles of `high` channels by `wide` positions there are in all groups and parts."""
    parts, most = 1, images
    for size, stride, out in zip(geo.size, geo.stride, geo.out, strict=True):
        parts *= min(stride, size) if transposed else 1
        most *= (size - 1) // stride + 1 if transposed else out
    return -(-rows // high) * -(-most // wide) * geo.groups * parts


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output; channels last if `w_last`."""
    last = is_channels_last(x) or is_channels_last(g)
    rows, depth = g.shape[1] // geo.groups, x.shape[1] // geo.groups
    taps, images = math.prod(geo.kernel), x.shape[0]
    tile = 32 if rows <= 32 or depth * taps <= 32 else 64
    columns = -(-depth * taps // tile)
    length, slices = _slices(geo, g, -(-rows // tile) * columns * geo.groups, rows * geo.groups * depth * taps)
    dtype = np.float32 if is_half(x) else x.dtype
    parts = array_module(x).empty((slices, geo.groups * rows, depth * taps), dtype)
    args = (
        parts,
        run_of_memory(g, last),
        run_of_memory(x, last),
        *(length, slices),
        *numbers(geo, images, rows, depth),
    )
    blocks = -(-rows // tile) * columns * geo.groups * slices
    kernels.launch("conv/weight", "weight_parts", blocks * BLOCK, args, {"TILE": tile, "LAST": int(last)})
    return summed(parts, x, (g.shape[1], depth, *geo.kernel), last, w_last)


def summed(parts: Array, like: Array, shape: tuple[int, ...], last: bool, w_last: bool) -> Array:
    """dw of `shape` (K, C / G, *kernel): the sum of `parts` (slices, K, columns), whose columns are as `last` says."""
    dw, memory = empty(like, shape, w_last)
    taps = math.prod(shape[2:])
    args = (memory, parts, parts.shape[0], shape[0], shape[1], taps, *filter_distances(dw, w_last))
    kernels.launch("conv/weight", "weight_sum", dw.size, args, {"LAST": int(last)})
    return dw


def _slices(geo: Geometry, g: Array, tiles: int, size: int) -> tuple[int, int]:
    """How many positions a slice has, and how many slices there are, for so many tiles and elements of the weight.

    They depend on the shapes only, so the same sum always has the same bits.
    """
    positions = g.shape[0] * math.prod(geo.out)
    most = max(1, WORKSPACE // max(1, 4 * size))
    wanted = min(most, max(-(-BLOCKS // max(1, tiles)), -(-positions // LONGEST)))
    length = max(STEP, -(-positions // wanted))
    length += -length % STEP
    return length, max(1, -(-positions // length))
