"""Convolutions on tensor cores: float16 and bfloat16, and float32 rounded to TF32; sums in float32.

The kernels take channels last, in multiples of 16 bytes. Images that lie otherwise are brought into that order, and
the result into the order of the input.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np

from gpunn import backend, kernels
from gpunn.backend import Array, array_module
from gpunn.kernels.settings import settings
from gpunn.ops.conv import full_precision, tiles
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.conv.memory import filter_distances, numbers, run_of_memory
from gpunn.ops.conv.tiles import Machine, Problem, Tile
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import is_channels_last

CHUNK: Final = 16  # bytes that are copied at a time
WEIGHT_STEP: Final = 32  # positions that weight_tensor takes at a time
SIDE: Final = 32  # of the squares that pack_turned turns
PACK_BLOCK: Final = 256
OLDEST: Final = 80  # compute capability that has cp.async, and mma.sync for bfloat16 and TF32
FEW: Final = 16  # channels below which tiles are mostly empty
FEW_PRODUCTS: Final = 32  # of a sum
LITTLE: Final = 1 << 22  # products below which the launch is all that counts


def padded(x: Array, channels: int) -> int:
    """`channels` rounded up to whole chunks."""
    return channels + -channels % (CHUNK // int(x.dtype.itemsize))


def packed(x: Array) -> Array:
    """`x` (N, C, *positions) as (N, *positions, C), C padded with zeros to whole chunks; `x`'s memory if it fits."""
    n, c, *positions = x.shape
    target, last = padded(x, c), is_channels_last(x)
    memory = run_of_memory(x, last)
    if (last or 1 in (c, math.prod(positions))) and target == c and memory.data.ptr % CHUNK == 0:
        return memory.reshape(n, *positions, c)
    y = array_module(x).empty((n, *positions, target), x.dtype)
    if last:
        kernels.launch("conv/pack", "pack_padded", y.size, (y, memory, n * math.prod(positions), c, target))
    else:
        _turn(y, memory, n, c, math.prod(positions), target)
    return y


def _turn(y: Array, x: Array, count: int, rows: int, columns: int, target: int) -> None:
    """y (count, columns, target) = x (count, rows, columns) turned, with zeros up to `target`."""
    squares = count * -(-target // SIDE) * -(-columns // SIDE)
    threads = squares * PACK_BLOCK if y.size else 0
    kernels.launch("conv/pack", "pack_turned", threads, (y, x, count, rows, columns, target))


def packed_filter(w: Array, groups: int, transposed: bool) -> Array:
    """`w` (K, C / G, *kernel) as (G, rows, taps, depth), depth padded to whole chunks: C / G, transposed K / G."""
    last, taps = is_channels_last(w), math.prod(w.shape[2:])
    w_row, w_depth, w_tap = filter_distances(w, last)
    rows, depth = w.shape[0] // groups, w.shape[1]
    if transposed:
        rows, depth, w_row, w_depth = depth, rows, w_depth, w_row
    target, memory = padded(w, depth), run_of_memory(w, last)
    in_order = w_depth == 1 and w_row == taps * depth and (taps == 1 or w_tap == depth)
    if in_order and target == depth and memory.data.ptr % CHUNK == 0:
        return memory
    y = array_module(w).empty((groups, rows, taps, target), w.dtype)
    args = (y, memory, groups, rows, taps, depth, target, w_row, w_depth, w_tap)
    kernels.launch("conv/pack", "pack_filter", y.size, args)
    return y


def output(
    x: Array,
    w: Array,
    bias: Array | None,
    geo: Geometry,
    relu: bool = False,
    residual: Array | None = None,
    tile: Tile | None = None,
) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed.

    Then `bias` (K,) and `residual` (as y) are added, and `relu` is taken, in float32. `tile`: else by the model.
    """
    return _correlate(x, w, bias, geo, False, relu, residual, tile)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry, tile: Tile | None = None) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output; plus `bias` (C,), or None."""
    return _correlate(g, w, bias, geo, True, False, None, tile)


def _correlate(
    x: Array,
    w: Array,
    bias: Array | None,
    geo: Geometry,
    transposed: bool,
    relu: bool,
    residual: Array | None,
    tile: Tile | None,
) -> Array:
    tile = tile or choose(x, w, geo, transposed)
    last = is_channels_last(x) or is_channels_last(w)
    rows = (w.shape[1] if transposed else w.shape[0] // geo.groups) * geo.groups
    positions = geo.size if transposed else geo.out
    pixels = array_module(x).empty((x.shape[0], *positions, rows), x.dtype)
    filters = packed_filter(w, geo.groups, transposed)
    more = None if residual is None else run_of_memory(residual, True)
    _run(pixels, None, packed(x), filters, bias, more, None, geo, transposed, relu, tile)
    if last:
        return pixels.transpose(0, pixels.ndim - 1, *range(1, pixels.ndim - 1))
    return turned(pixels)


def turned(pixels: Array) -> Array:
    """`pixels` (N, *positions, K) as a new array (N, K, *positions), contiguous."""
    n, *positions, rows = pixels.shape
    y, area = array_module(pixels).empty((n, rows, *positions), pixels.dtype), math.prod(positions)
    _turn(y, pixels, n, area, rows, area)
    return y


def with_statistics(
    x: Array, w: Array, bias: Array | None, shift: Array, geo: Geometry, tile: Tile | None = None
) -> tuple[Array, Array]:
    """y as `output`, channels last, and for batch norm (tiles, 2, K): sums over y - `shift` and its square.

    `shift` (K,) is a guess of the means, in float32; each tile has tile.BM positions, the last one fewer.
    """
    tile = tile or choose(x, w, geo, False)
    pixels = array_module(x).empty((x.shape[0], *geo.out, w.shape[0]), x.dtype)
    count = -(-x.shape[0] * math.prod(geo.out) // tile.BM)
    statistics = array_module(x).empty((count, 2, w.shape[0]), "float32")
    filters = packed_filter(w, geo.groups, False)
    _run(pixels, statistics, packed(x), filters, bias, None, shift, geo, False, False, tile)
    return pixels.transpose(0, pixels.ndim - 1, *range(1, pixels.ndim - 1)), statistics


def _run(
    y: Array,
    statistics: Array | None,
    x: Array,
    filters: Array,
    bias: Array | None,
    residual: Array | None,
    shift: Array | None,
    geo: Geometry,
    transposed: bool,
    relu: bool,
    tile: Tile,
) -> None:
    """Fill y (N, *positions, K), and `statistics`, from x (N, *positions, C), both of whole chunks."""
    xp, rows, depth = array_module(x), y.shape[-1] // geo.groups, x.shape[-1] // geo.groups
    nothing = xp.empty(0, "float32")
    args = (
        y,
        nothing if statistics is None else statistics,
        x,
        filters,
        x if bias is None else xp.ascontiguousarray(bias),
        x if residual is None else residual,
        nothing if shift is None else xp.ascontiguousarray(shift),
        *(statistics is not None, bias is not None, residual is not None, relu, transposed),
        *numbers(geo, x.shape[0], rows, depth),
    )
    blocks = full_precision.tiles(geo, x.shape[0], rows, tile.BN, tile.BM, transposed)
    threads = blocks * tile.BLOCK if y.size else 0
    kernels.launch(tiles.FILE, "correlate_tensor", threads, args, tile.constants, tile.shared)


def choose(x: Array, w: Array, geo: Geometry, transposed: bool) -> Tile:
    """The tile that the model prefers for images `x` and the filter `w`."""
    return candidates(x, w, geo, transposed)[0]


def candidates(x: Array, w: Array, geo: Geometry, transposed: bool) -> tuple[Tile, ...]:
    """The tiles that fit the GPU, for images `x` and the filter `w`, the fastest by the model first."""
    rows, depth = w.shape[0] // geo.groups, w.shape[1]
    if transposed:
        rows, depth = depth, rows
    parts = math.prod([min(s, n) for s, n in zip(geo.stride, geo.size, strict=True)]) if transposed else 1
    most = full_precision.tiles(geo, x.shape[0], 1, 1, 1, transposed) // (parts * geo.groups)
    products = padded(x, depth) * math.prod(geo.kernel) // parts
    problem = Problem(most, rows, products, geo.groups * parts, int(x.dtype.itemsize))
    return tiles.ranked(problem, machine_of(backend.cuda_module(), int(x.device.id)))


@cache
def machine_of(cupy: Any, number: int) -> Machine:
    """GPU `number` as the model sees it."""
    properties = cupy.cuda.runtime.getDeviceProperties(number)
    return Machine(
        capability=10 * int(properties["major"]) + int(properties["minor"]),
        multiprocessors=int(properties["multiProcessorCount"]),
        shared=int(properties["sharedMemPerMultiprocessor"]),
    )


def can_take(x: Array, geo: Geometry, rows: int, depth: int, work: int) -> bool:
    """Whether tensor cores take a convolution of the dtype of `x`, and gain by it.

    `rows`, `depth`: channels in a group of the result and of what is summed; `work`: the products of all.
    """
    is_half_type = is_half(x)
    if not is_half_type and not (x.dtype == np.float32 and settings.tf32_in_convolutions):
        return False
    if rows < FEW or depth * math.prod(geo.kernel) < FEW_PRODUCTS or work < LITTLE:
        return False
    if geo.groups > 1 and (padded(x, depth) != depth or padded(x, rows) != rows):
        return False
    return machine_of(backend.cuda_module(), int(x.device.id)).capability >= OLDEST


def weight_side(rows: int, columns: int) -> int:
    """The side of the tiles that sum a weight of `rows` by `columns`."""
    return 128 if rows >= 128 and columns >= 512 else 64


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool, side: int | None = None) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output; channels last if `w_last`."""
    shape = (g.shape[1], x.shape[1] // geo.groups, *geo.kernel)
    gradient, images, taps = packed(g), packed(x), math.prod(geo.kernel)
    rows, depth = gradient.shape[-1] // geo.groups, images.shape[-1] // geo.groups
    side = side or weight_side(rows, depth * taps)
    blocks = -(-rows // side) * -(-depth * taps // side) * geo.groups
    length, slices = full_precision.slices_of(x.shape[0] * math.prod(geo.out), blocks, rows * geo.groups * depth * taps)
    parts = array_module(x).empty((slices, rows * geo.groups, taps, depth), "float32")
    args = (parts, gradient, images, length, slices, *numbers(geo, x.shape[0], rows, depth))
    shared = (4 if side == 64 else 3) * 2 * WEIGHT_STEP * side * int(x.dtype.itemsize)
    threads = blocks * slices * (128 if side == 64 else 256) if parts.size else 0
    kernels.launch("conv/tensor_weight", "weight_tensor", threads, args, {"TILE": side}, shared)
    return full_precision.summed(parts, x, shape, True, w_last)
