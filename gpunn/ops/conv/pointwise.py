"""Convolutions with a filter of one element, stride 1 and no padding, on tensor cores: plain products of matrices.

No window is looked for: with images (N, C, L), L all positions, y = w · x for each image, or with channels last
y = x · wᵀ for all of them at once, dx is the same with wᵀ, and dw = Σ dy · xᵀ. The kernels take both memory orders as
they are; only images whose planes are no whole chunks of 16 bytes are turned first. They are our own, and not cuBLAS,
because CuPy refuses cuBLAS while a CUDA graph is captured, its sums of float32 follow the switch of matmul and not
`backends.cudnn.allow_tf32`, its choice of an algorithm may change the bits, and bias, residual and ReLU would each take
another pass over the result.
"""

from __future__ import annotations

import math
from typing import Final

from gpunn import backend, kernels
from gpunn.backend import Array, array_module
from gpunn.ops.conv import full_precision, tiles
from gpunn.ops.conv.geometry import LARGEST, Geometry
from gpunn.ops.conv.memory import empty, run_of_memory
from gpunn.ops.conv.tensor_cores import CHUNK, machine_of, packed, packed_filter, padded, turned, weight_side
from gpunn.ops.conv.tiles import ROW, Problem, Tile
from gpunn.ops.shape.conversion import is_channels_last

WEIGHT_FILE: Final = "conv/pointwise_weight"
SIDES: Final = {64: (64, 64, 32, 32, 4, 128), 128: (128, 128, 64, 32, 3, 256)}  # tiles of the weight's gradient


def output(
    x: Array,
    w: Array,
    bias: Array | None,
    geo: Geometry,
    relu: bool = False,
    residual: Array | None = None,
    tile: Tile | None = None,
) -> Array:
    """y (N, K, *size) = w · x + `bias` + `residual`, as `tensor_cores.output`."""
    return _product(x, w, bias, geo, False, relu, residual, tile)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry, tile: Tile | None = None) -> Array:
    """dx (N, C, *size) = wᵀ · `g` + `bias`, as `tensor_cores.input_gradient`."""
    return _product(g, w, bias, geo, True, False, None, tile)


def _product(
    x: Array,
    w: Array,
    bias: Array | None,
    geo: Geometry,
    transposed: bool,
    relu: bool,
    residual: Array | None,
    tile: Tile | None,
) -> Array:
    by_pixels = not _lies_by_planes(x, w)
    last, rows = is_channels_last(x) or is_channels_last(w), w.shape[1] if transposed else w.shape[0]
    y, memory = empty(x, (x.shape[0], rows, *geo.size), by_pixels)
    more = None if residual is None else run_of_memory(residual, by_pixels)
    _run(memory, None, x, w, bias, more, None, geo, transposed, relu, tile)
    return turned(memory) if by_pixels and not last else y


def with_statistics(
    x: Array, w: Array, bias: Array | None, shift: Array, geo: Geometry, tile: Tile | None = None
) -> tuple[Array, Array]:
    """y as `output`, channels last, and the sums for batch norm, as `tensor_cores.with_statistics`."""
    problem = _problem(x, w, geo, False, True)
    tile = tile or _ranked(problem, x)[0]
    y, memory = empty(x, (x.shape[0], w.shape[0], *geo.size), True)
    statistics = array_module(x).empty((-(-problem.positions // tile.BM), 2, w.shape[0]), "float32")
    _run(memory, statistics, x, w, bias, None, shift, geo, False, False, tile)
    return y, statistics


def _run(
    y: Array,
    statistics: Array | None,
    x: Array,
    w: Array,
    bias: Array | None,
    residual: Array | None,
    shift: Array | None,
    geo: Geometry,
    transposed: bool,
    relu: bool,
    tile: Tile | None,
) -> None:
    """Fill y (N, K, *size), or (N, *size, K) where planes are no whole chunks or there are `statistics`, and these."""
    xp, by_pixels = array_module(x), statistics is not None or not _lies_by_planes(x, w)
    filters, seen = packed_filter(w, 1, transposed), packed(x) if by_pixels else run_of_memory(x, False)
    depth = seen.shape[-1] if by_pixels else x.shape[1]
    nothing, problem = xp.empty(0, "float32"), _problem(x, w, geo, transposed, by_pixels)
    tile = tile or _ranked(problem, x)[0]
    args = (
        y,
        nothing if statistics is None else statistics,
        *(seen, filters),
        seen if bias is None else xp.ascontiguousarray(bias),
        seen if residual is None else residual,
        nothing if shift is None else xp.ascontiguousarray(shift),
        *(statistics is not None, bias is not None, residual is not None, relu),
        *(x.shape[0], math.prod(geo.size), y.shape[-1] if by_pixels else y.shape[1], depth, padded(x, depth)),
    )
    threads = tile.blocks(problem) * tile.BLOCK if y.size else 0
    constants = {**tile.constants, "LAST": int(by_pixels)}
    kernels.launch(tiles.POINTWISE, "pointwise_tensor", threads, args, constants, tile.shared)


def _lies_by_planes(x: Array, *others: Array) -> bool:
    """Whether the kernels take `x` channels first: its planes are whole chunks, and no array is channels last."""
    chunks = math.prod(x.shape[2:]) * int(x.dtype.itemsize) % CHUNK == 0
    return chunks and x.data.ptr % CHUNK == 0 and not any(is_channels_last(a) for a in (x, *others))


def candidates(x: Array, w: Array, geo: Geometry, transposed: bool) -> tuple[Tile, ...]:
    """The tiles that fit the GPU, the fastest by the model first."""
    return _ranked(_problem(x, w, geo, transposed, not _lies_by_planes(x, w)), x)


def _ranked(problem: Problem, x: Array) -> tuple[Tile, ...]:
    return tiles.ranked(problem, machine_of(backend.cuda_module(), int(x.device.id)))


def _problem(x: Array, w: Array, geo: Geometry, transposed: bool, by_pixels: bool) -> Problem:
    """The product of matrices as the model sees it: if not `by_pixels` channels take the place of positions."""
    rows, depth = w.shape[:2]
    if transposed:
        rows, depth = depth, rows
    positions, images, itemsize = math.prod(geo.size), x.shape[0], int(x.dtype.itemsize)
    if by_pixels:
        return Problem(images * positions, rows, padded(x, depth), 1, itemsize)
    return Problem(rows, positions, padded(x, depth), images, itemsize)


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool, side: int | None = None) -> Array:
    """dw (K, C, *kernel) = Σ g · xᵀ over images and positions, as `tensor_cores.weight_gradient`."""
    shape = (g.shape[1], x.shape[1], *geo.kernel)
    images, positions = x.shape[0], math.prod(geo.size)
    last = not (_lies_by_planes(x, g) and _lies_by_planes(g))
    if last:
        gradient, seen = packed(g), packed(x)
        rows, depth = gradient.shape[-1], seen.shape[-1]
        if images * positions <= LARGEST:  # all positions are side by side
            images, positions = min(images, 1), images * positions
    else:
        gradient, seen = run_of_memory(g, False), run_of_memory(x, False)
        rows, depth = shape[:2]
    side = side or weight_side(rows, depth)
    tile = Tile(*SIDES[side])
    blocks, step = -(-rows // side) * -(-depth // side), ROW // int(x.dtype.itemsize)
    steps = images * -(-positions // step)
    length = full_precision.slices_of(steps * step, blocks, rows * depth)[0] // step
    length = max(1, length)
    slices = max(1, -(-steps // length))
    parts = array_module(x).empty((slices, rows, 1, depth), "float32")
    args = (parts, gradient, seen, length, slices, images, positions, rows, depth)
    threads = blocks * slices * tile.BLOCK if parts.size else 0
    constants = {**tile.constants, "LAST": int(last)}
    kernels.launch(WEIGHT_FILE, "pointwise_weight", threads, args, constants, tile.shared)
    return full_precision.summed(parts, x, shape, True, w_last)
