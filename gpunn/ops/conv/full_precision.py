"""Convolutions of any shape by kernels that compute in the full precision of their dtype (half types: in float32).

kernels/conv/windows.cuh tells how both directions are one: the output is a correlation of the input with the filter,
and so is the gradient of the input, one for each residue of its positions modulo the stride.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.ops.conv.geometry import LARGEST, Geometry, flattened, is_pointwise
from gpunn.ops.conv.memory import empty, filter_distances, numbers, run_of_memory
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import is_channels_last

BLOCK: Final = 256
WIDTH: Final = 64  # positions of a tile
STEP: Final = 32  # a slice is a multiple of the positions that a kernel takes at a time
TAPS: Final = 9  # that weight_depthwise sums at a time
SMALL_ROWS: Final = 8  # channels that correlate_small computes at a time
SMALL: Final = 48 << 10  # bytes of a filter that correlate_small can hold
FEW_PRODUCTS: Final = 32  # of a sum that is too short for tiles
FEW: Final = 4  # channels of a group that are too few for tiles
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
    if not y.size:
        return y
    weights = run_of_memory(w, is_channels_last(w))
    plan = plan_of(x, y, geo, rows, depth, transposed)
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
    kernels.launch(plan.file, plan.kernel, plan.blocks * BLOCK, args, {**plan.tile, "LAST": int(last)}, plan.shared)
    return y


def is_depthwise(geo: Geometry, rows: int, depth: int) -> bool:
    """Whether groups have so few channels, `rows` and `depth`, that there is one thread for each element."""
    return geo.groups > 1 and max(rows, depth) <= FEW


class Plan(NamedTuple):
    """A launch of one of the kernels that correlate."""

    file: str
    kernel: str
    blocks: int
    tile: Mapping[str, int]
    shared: int = 0


def plan_of(x: Array, y: Array, geo: Geometry, rows: int, depth: int, transposed: bool) -> Plan:
    """The kernel for a correlation of `x` with `rows` channels in a group of the output from `depth` of the input."""
    images, positions = x.shape[0], y.size // (rows * geo.groups)
    if is_depthwise(geo, rows, depth):
        parts = math.prod([min(s, n) for s, n in zip(geo.stride, geo.size, strict=True)]) if transposed else 1
        most = tiles(geo, images, 1, 1, 1, transposed) // (parts * geo.groups)  # positions of the largest part
        return Plan("conv/depthwise", "correlate_depthwise", -(-most * rows * geo.groups // BLOCK) * parts, {})
    products = depth * math.prod(geo.kernel)
    shared = products * (rows + -rows % SMALL_ROWS) * (8 if x.dtype.itemsize == 8 else 4)
    if shared <= SMALL and (rows <= 2 * SMALL_ROWS or products <= FEW_PRODUCTS):
        return Plan("conv/small", "correlate_small", tiles(geo, images, rows, rows, BLOCK, transposed), {}, shared)
    is_full = x.dtype == np.float32 and -rows % 128 < 32
    height = 128 if is_full and -(-rows // 128) * (positions // WIDTH) >= BLOCKS else 64
    blocks = tiles(geo, images, rows, height, WIDTH, transposed)
    return Plan("conv/correlate", "correlate", blocks, {"TILE": height, "POINTWISE": int(is_pointwise(geo))})


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
    shape, taps, images = (rows * geo.groups, depth, *geo.kernel), math.prod(geo.kernel), x.shape[0]
    is_flat = is_pointwise(geo) and math.prod(geo.size) * images <= LARGEST
    if is_flat:  # channels last, all positions are side by side
        geo, images = flattened(geo, images, last)
    depthwise = is_depthwise(geo, rows, depth)
    if depthwise:
        tile = 32 if last else 1
        blocks = -(-rows * geo.groups // tile) * depth * -(-taps // TAPS)
    else:
        tile = weight_tile(rows, depth * taps)
        blocks = -(-rows // tile) * -(-depth * taps // tile) * geo.groups
    length, slices = slices_of(images * math.prod(geo.out), blocks, rows * geo.groups * depth * taps)
    dtype = np.float32 if is_half(x) else x.dtype
    columns = (taps, depth) if last else (depth, taps)
    parts = array_module(x).empty((slices, geo.groups * rows, *columns), dtype)
    args = (
        parts,
        run_of_memory(g, last),
        run_of_memory(x, last),
        *(length, slices),
        *numbers(geo, images, rows, depth),
    )
    file, kernel = ("conv/depthwise", "weight_depthwise") if depthwise else ("conv/weight", "weight_parts")
    constants = {"LAST": int(last)}
    if not depthwise:
        constants |= {"TILE": tile, "POINTWISE": int(is_flat)}
    kernels.launch(file, kernel, blocks * slices * BLOCK if parts.size else 0, args, constants)
    return summed(parts, x, shape, last, w_last)


def weight_tile(rows: int, columns: int) -> int:
    """The side of the tiles that sum a weight of `rows` by `columns`."""
    return 32 if rows <= 32 or columns <= 32 else 64


def summed(parts: Array, like: Array, shape: tuple[int, ...], last: bool, w_last: bool) -> Array:
    """dw of `shape` (K, C / G, *kernel): the sum of `parts` over its slices.

    `parts` is (slices, K, C / G, taps), or if `last` (slices, K, taps, C / G), whose K and C / G may be padded.
    """
    dw, memory = empty(like, shape, w_last)
    taps, distance = math.prod(shape[2:]), math.prod(parts.shape[1:])
    sizes = distance, parts.shape[-1], shape[0], shape[1], taps
    args = (memory, parts, parts.shape[0], *sizes, *filter_distances(dw, w_last))
    kernels.launch("conv/weight", "weight_sum", dw.size, args, {"LAST": int(last)})
    return dw


def slices_of(positions: int, blocks: int, size: int) -> tuple[int, int]:
    """How many positions a slice has, and how many slices there are, for `blocks` in a slice and a weight of `size`.

    They depend on the shapes only, so the same sum always has the same bits.
    """
    length = max(STEP, -(-positions // slices_wanted(positions, blocks, size)))
    length += -length % STEP
    return length, max(1, -(-positions // length))


def slices_wanted(positions: int, blocks: int, size: int) -> int:
    """How many slices keep the GPU busy and the sums short, if the workspace holds them."""
    most = max(1, WORKSPACE // max(1, 4 * size))
    return min(most, max(-(-BLOCKS // max(1, blocks)), -(-positions // LONGEST), 1))
