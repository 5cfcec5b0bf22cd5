"""The three products of a convolution, on arrays: the output, the gradient of the input, that of the weight.

The workspace is bounded: all three go through the images in blocks, whose columns, what they see and the sums take
five times `Budget.block` bytes at most, and mostly stay in the cache.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.ops.conv import depthwise
from gpunn.ops.conv.columns import (
    Layout,
    as_columns,
    boxes,
    columns,
    dense_matrices,
    empty_images,
    empty_windows,
    from_matrices,
    in_memory,
    inside,
    matrices,
    shifts,
    sights,
    weight_matrices,
)
from gpunn.ops.conv.geometry import Geometry, mirrored
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import is_channels_last


class Budget(NamedTuple):
    """How a device wants its work: in blocks of so many bytes; depthwise convolutions as runs (`depthwise`) or not."""

    block: int
    runs: bool = False


CPU = Budget(4 * 2**20, runs=True)
GPU = Budget(32 * 2**20)


def _keep_freed_memory() -> None:
    """Let malloc keep the memory of freed arrays for the next ones, by freeing one large array that is never touched.

    glibc gives memory back to the system, and gets it again page by page, unless it has seen larger arrays come and go
    (mallopt(3), M_MMAP_THRESHOLD; 32 MB is the most that it heeds). The gradient of the input of (64, 1, 32, 32),
    kernel 5, took 4.5 ms with 1800 page faults, and takes 1.1 ms with none; a step of LeNet-5 took 7.7 ms, and takes
    6.0 (glibc 2.36, 2026-11).
    """
    np.empty(2**25 - 2**16, np.uint8)


_keep_freed_memory()


def output(x: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed, plus bias."""
    y = empty_images(x, (x.shape[0], w.shape[0], *geo.out), x.dtype, is_channels_last(x) or is_channels_last(w))
    _correlate(y, x, w, bias, geo, budget)
    return y


def _correlate(y: Array, x: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> None:
    """Fill `y` with the convolution of `x`."""
    plan = depthwise.plan_of(x, geo, w.shape[0]) if budget.runs else None
    if plan is not None:
        depthwise.correlate(y, x, w, bias, geo, plan, _wide(x))
        return
    channels_last = is_channels_last(y)
    layout = _layout(geo, x, x.shape[1], w.shape[0], channels_last, budget)
    weights = weight_matrices(w, geo, layout)
    offset = None if bias is None else bias.astype(layout.dtype).reshape(geo.groups, -1, 1)
    in_place = y.dtype == layout.dtype and layout.by_pixels == channels_last
    for box in boxes((x.shape[0], *geo.out), _cell(geo, x.shape[1], w.shape[0], layout), budget.block):
        seen, target = columns(x, box, geo, layout), inside(y, box)
        images = target if in_place else empty_images(x, target.shape, layout.dtype, layout.by_pixels)
        sums = matrices(images, geo.groups, layout)
        _multiply(weights, seen, shifts(box, geo, layout), sums, layout.by_pixels)
        if offset is not None:
            sums += offset
        if not in_place:
            target[...] = images


def _multiply(weights: Array, seen: Array, steps: list[tuple[int, slice, slice]], sums: Array, by_pixels: bool) -> None:
    """sums = Σ over the steps of weights @ columns, each in its place."""
    xp = array_module(seen)
    if not steps:
        sums[...] = 0
    for i, (tap, here, there) in enumerate(steps):
        part, operands, result = sums[..., here], (weights[tap], seen[..., there]), None
        if i == 0:
            sums[..., : here.start] = 0
            sums[..., here.stop :] = 0
            result = part
        if by_pixels:  # the transposed product, in the memory order of the rest
            operands, result = (operands[1].mT, operands[0].mT), None if result is None else result.mT
        product = xp.matmul(*operands, out=result)
        if i > 0:
            part += product.mT if by_pixels else product


def weight_gradient(g: Array, x: Array, geo: Geometry, budget: Budget) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output."""
    xp, groups, k, c = array_module(x), geo.groups, g.shape[1], x.shape[1]
    plan = depthwise.plan_of(x, geo, k) if budget.runs else None
    if plan is not None:
        sums = depthwise.weight_gradient(g, x, geo, plan, _wide(x))
        if np.isfinite(sums).all():
            return sums.astype(x.dtype, copy=False)
    layout = _layout(geo, x, c, k, is_channels_last(x), budget, adding=False)
    taps = geo.kernel[0] if layout.shifted else 1
    m = c // groups * math.prod(geo.kernel[layout.shifted :])
    total = xp.zeros((taps, groups, m, k // groups), layout.dtype)
    for box in boxes((x.shape[0], *geo.out), _cell(geo, c, k, layout), budget.block):
        seen = columns(x, box, geo, layout)
        grads = dense_matrices(inside(g, box), groups, layout).swapaxes(2, 3)  # (B, G, L, K / G)
        for tap, here, there in shifts(box, geo, layout):
            total[tap] += xp.matmul(seen[..., there], grads[:, :, here]).sum(0)
    return from_matrices(total, (k, c // groups, *geo.kernel), geo, layout).astype(x.dtype, copy=False)


def _cell(geo: Geometry, c: int, k: int, layout: Layout) -> int:
    """Bytes of workspace for one output position."""
    return int(layout.dtype.itemsize) * (c * math.prod(geo.kernel[layout.shifted :]) + k)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output; plus `bias` (C,) in a transposed one."""
    k, c = w.shape[0], w.shape[1] * geo.groups
    dx = empty_images(g, (g.shape[0], c, *geo.size), g.dtype, is_channels_last(g) or is_channels_last(w))
    if 0 in geo.size:  # the output of a transposed convolution whose padding takes all of it
        return dx
    if max(geo.stride) == 1 and (is_channels_last(dx) or _cost(geo, k, c) <= 3 * c * math.prod(geo.kernel)):
        _correlate(dx, g, _flipped(w, geo.groups), bias, mirrored(geo), budget)
    else:
        _scatter(dx, g, w, bias, geo, budget)
    return dx


def _scatter(dx: Array, g: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> None:
    """Fill `dx` with the gradients of the columns, summed over all windows that see an element (col2im), plus bias."""
    k, c = w.shape[0], dx.shape[1]
    channels_last = is_channels_last(dx)
    layout = Layout(_wide(g), _by_pixels(geo, c, k, channels_last), False)
    weights = weight_matrices(w, geo, layout)[0].mT  # (G, M, K / G)
    offset = 0 if bias is None else bias.astype(layout.dtype).reshape(-1, *[1] * len(geo.kernel))
    if dx.dtype == layout.dtype and layout.by_pixels == channels_last:
        _add_columns(dx, offset, g, weights, geo, layout, budget)
        return
    image = c * math.prod(geo.size) * layout.dtype.itemsize
    for (first, last), *_ in boxes((len(dx),), image, budget.block):  # a few images at a time, in float32
        sums = empty_images(g, (last - first, *dx.shape[1:]), layout.dtype, layout.by_pixels)
        _add_columns(sums, offset, g[first:last], weights, geo, layout, budget)
        dx[first:last] = sums


def _add_columns(
    dx: Array, offset: Any, g: Array, weights: Array, geo: Geometry, layout: Layout, budget: Budget
) -> None:
    """dx = offset + the sums of weightsᵀ · g, each where it came from."""
    xp, (groups, m, _), rank = array_module(g), weights.shape, len(geo.kernel)
    c = m // math.prod(geo.kernel)
    dx[...] = offset
    for box in boxes((len(g), *geo.out), layout.dtype.itemsize * (groups * m + g.shape[1]), budget.block):
        n, *positions = [b - a for a, b in box]
        windows = empty_windows(g, (n, groups, c, *geo.kernel, *positions), rank, layout)
        grads = dense_matrices(inside(g, box), groups, layout)
        shape = n, groups, m, math.prod(positions)
        xp.matmul(weights, grads, out=as_columns(in_memory(windows, rank, layout), shape, layout))
        target = dx[box[0][0] : box[0][1]].reshape(n, groups, c, *geo.size)
        for tap, seen, there in sights(box, geo, range(rank)):
            target[:, :, :, *seen] += windows[:, :, :, *tap, *there]


def _flipped(w: Array, groups: int) -> Array:
    """`w` (K, C / G, *kernel) as (C, K / G, *kernel), every axis of the kernel turned round."""
    k, c = w.shape[0] // groups, w.shape[1]
    parts = w.reshape(groups, k, *w.shape[1:]).swapaxes(1, 2)
    turned = parts[:, :, :, *[slice(None, None, -1)] * (w.ndim - 2)]
    return turned.reshape(groups * c, k, *w.shape[2:])


def _layout(
    geo: Geometry, x: Array, c: int, k: int, channels_last: bool, budget: Budget, adding: bool = True
) -> Layout:
    """How to lay out the columns of `c` channels for `k` sums; `adding`: shifted ones cost additions."""
    layout = Layout(_wide(x), _by_pixels(geo, c, k, channels_last), True)
    rows = min(geo.out[0], budget.block // (_cell(geo, c, k, layout) * math.prod(geo.out[1:])))  # in a block
    halo = geo.dilation[0] * (geo.kernel[0] - 1)  # rows that a block sees beyond its own
    shifted = geo.stride[0] == 1 and 0 < halo <= 2 * rows and not (layout.by_pixels and _is_small(geo, k))
    if shifted and adding and not layout.by_pixels:
        shifted = _cost(geo, c, k, 1 + halo / rows) < 2 * c * math.prod(geo.kernel)
    return layout._replace(shifted=shifted)


def _by_pixels(geo: Geometry, c: int, k: int, channels_last: bool) -> bool:
    """Whether to lay out columns by pixels; not for small groups, whose pixels are too short to be read one by one."""
    if geo.groups > 1 and min(c, k) < 16 * geo.groups:
        return False
    return channels_last or _is_small(geo, k)


def _is_small(geo: Geometry, k: int) -> bool:
    """Whether images have so few positions for `k` channels that one product for all beats one for each.

    8 x 8 positions, 32 to 64 channels, kernel 3: 1.5 ms in place of 2.5 for 64 images. A kernel of one element is
    not copied by planes, so it takes fewer (14 x 14 positions, 256 to 1024 channels: 53 ms in place of 33).
    (2 x86 cores, 2026-11.)
    """
    return math.prod(geo.out) * (1 if math.prod(geo.kernel) > 1 else 8) <= k


def _cost(geo: Geometry, c: int, k: int, stretch: float = 1) -> float:
    """Numbers moved for one position by a convolution of `c` channels to `k` with shifted columns: copies and sums.

    `stretch`: how many rows are copied for each row of the output.
    """
    return 2 * c * math.prod(geo.kernel[1:]) * stretch + 3 * k * (geo.kernel[0] - 1)


def _wide(x: Array) -> Any:
    """The type to compute in."""
    return np.dtype(np.float32) if is_half(x) else x.dtype
