"""The three products of a convolution, on arrays: the output, the gradient of the input, that of the weight.

The workspace is bounded: all three go through the images in blocks of `Budget.block` bytes, which stay in the cache.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.ops.conv.columns import (
    Box,
    Layout,
    boxes,
    columns,
    dense_matrices,
    empty_images,
    from_matrices,
    inside,
    matrices,
    weight_matrices,
)
from gpunn.ops.conv.geometry import Geometry, mirrored
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import contiguous_format, layout


class Budget(NamedTuple):
    """How a device wants its work: in blocks of so many bytes."""

    block: int


CPU = Budget(4 * 2**20)
GPU = Budget(64 * 2**20)


def output(x: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed, plus bias."""
    y = empty_images(x, (x.shape[0], w.shape[0], *geo.out), x.dtype, _channels_last(x) or _channels_last(w))
    _correlate(y, x, w, bias, geo, budget)
    return y


def _correlate(y: Array, x: Array, w: Array, bias: Array | None, geo: Geometry, budget: Budget) -> None:
    """Fill `y` with the convolution of `x`."""
    xp, channels_last = array_module(x), _channels_last(y)
    layout = _layout(geo, x, x.shape[1], w.shape[0], channels_last)
    weights = weight_matrices(w, geo, layout)
    offset = None if bias is None else bias.astype(layout.dtype).reshape(geo.groups, -1, 1)
    in_place = y.dtype == layout.dtype and layout.by_pixels == channels_last
    cell = layout.dtype.itemsize * (x.shape[1] * math.prod(geo.kernel[layout.shifted :]) + w.shape[0])
    for box in boxes((x.shape[0], *geo.out), cell, budget.block):
        seen = columns(x, box, geo, layout)
        sums = matrices(inside(y, box), geo.groups, layout) if in_place else None
        sums = xp.matmul(weights[0], seen[:, 0], out=sums)
        for tap in range(1, len(weights)):
            sums += xp.matmul(weights[tap], seen[:, tap])
        if offset is not None:
            sums += offset
        if not in_place:
            inside(y, box)[...] = _as_images(sums, box, layout)


def weight_gradient(g: Array, x: Array, geo: Geometry, budget: Budget) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output."""
    xp, k, c = array_module(x), g.shape[1], x.shape[1]
    layout = _layout(geo, x, c, k, _channels_last(x), adding=False)
    cell = layout.dtype.itemsize * (c * math.prod(geo.kernel[layout.shifted :]) + k)
    w_shape = (k, c // geo.groups, *geo.kernel)
    total: Any = None
    for box in boxes((x.shape[0], *geo.out), cell, budget.block):
        seen = columns(x, box, geo, layout)  # (B, T, G, M, L)
        part = dense_matrices(inside(g, box), geo.groups, layout)
        sums = xp.matmul(seen, part[:, None].swapaxes(3, 4)).sum(0)  # (T, G, M, K / G)
        total = sums if total is None else total + sums
    if total is None:
        return xp.zeros(w_shape, x.dtype)
    return from_matrices(total, w_shape, geo, layout).astype(x.dtype, copy=False)


def input_gradient(g: Array, w: Array, geo: Geometry, budget: Budget) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output."""
    k, c = w.shape[0], w.shape[1] * geo.groups
    dx = empty_images(g, (g.shape[0], c, *geo.size), g.dtype, _channels_last(g) or _channels_last(w))
    if max(geo.stride) == 1 and _cost(geo, k, c) <= 3 * c * math.prod(geo.kernel):
        _correlate(dx, g, _flipped(w, geo.groups), None, mirrored(geo), budget)
    else:
        _scatter(dx, g, w, geo, budget)
    return dx


def _scatter(dx: Array, g: Array, w: Array, geo: Geometry, budget: Budget) -> None:
    """Fill `dx` with the sums of the columns' gradients over all windows that see an element (col2im)."""
    xp, (k, c) = array_module(g), (w.shape[0], geo.groups * w.shape[1])
    layout = Layout(_wide(g), _channels_last(dx), False)
    weights = weight_matrices(w, geo, layout)[0].swapaxes(1, 2)  # (G, M, K / G)
    cell = layout.dtype.itemsize * (c * math.prod(geo.kernel) + k) * math.prod(geo.out) // math.prod(geo.size)
    for box in boxes(dx.shape[:1] + dx.shape[2:], max(cell, 1), budget.block):
        target = inside(dx, box)
        part = target if dx.dtype == layout.dtype else xp.empty_like(target, dtype=layout.dtype)
        part[...] = 0
        windows = (box[0], *_windows_on(box[1:], geo))
        if all([a < b for a, b in windows]):
            grads = dense_matrices(inside(g, windows), geo.groups, layout)
            _add_up(part, _column_images(weights, grads, windows, geo, layout), box, windows, geo)
        if part is not target:
            target[...] = part


def _windows_on(spans: Box, geo: Geometry) -> Box:
    """The output positions whose windows see a part of the input, along each axis."""
    found = []
    for i, (a, b) in enumerate(spans):
        first, stride = a + geo.before[i] - geo.dilation[i] * (geo.kernel[i] - 1), geo.stride[i]
        found.append((max(0, -(-first // stride)), min(geo.out[i], (b - 1 + geo.before[i]) // stride + 1)))
    return tuple(found)


def _column_images(weights: Array, grads: Array, windows: Box, geo: Geometry, layout: Layout) -> Array:
    """The gradient of the columns as images (N, G, C / G, *kernel, *positions)."""
    xp, (n, *positions) = array_module(grads), [b - a for a, b in windows]
    (groups, m, _), pixels = weights.shape, grads.shape[-1]
    c = m // math.prod(geo.kernel)
    if not layout.by_pixels:
        return xp.matmul(weights, grads).reshape(n, groups, c, *geo.kernel, *positions)
    columns = xp.empty((1, pixels, groups, m), layout.dtype)
    xp.matmul(weights, grads, out=columns.transpose(0, 2, 3, 1))
    images = columns.reshape(n, *positions, groups, *geo.kernel, c)
    rank = len(positions)
    return images.transpose(0, rank + 1, images.ndim - 1, *range(rank + 2, images.ndim - 1), *range(1, rank + 1))


def _add_up(part: Array, columns: Array, box: Box, windows: Box, geo: Geometry) -> None:
    """Add each element of the kernel's share of the columns to the elements of `part` that it was multiplied with."""
    rank = len(geo.kernel)
    target = part.reshape(*columns.shape[:3], *part.shape[2:])  # C split into (G, C / G): a view
    for tap in itertools.product(*map(range, geo.kernel)):
        seen, seeing = [], []
        for i in range(rank):
            (a, b), (first, last), stride = box[i + 1], windows[i + 1], geo.stride[i]
            offset = tap[i] * geo.dilation[i] - geo.before[i] - a  # where position 0 looks, in `part`
            start, stop = max(first, -(offset // stride)), min(last, (b - a - 1 - offset) // stride + 1)
            where = start * stride + offset
            seen.append(slice(where, where + max(0, stop - start - 1) * stride + 1, stride))
            seeing.append(slice(start - first, max(start, stop) - first))
        if all([s.start < s.stop for s in seeing]):
            target[:, :, :, *seen] += columns[:, :, :, *tap, *seeing]


def _as_images(sums: Array, box: Box, layout: Layout) -> Array:
    """Matrices (B, G, K / G, L) as images (N, K, *positions)."""
    n, *positions = [b - a for a, b in box]
    k = sums.shape[1] * sums.shape[2]
    if layout.by_pixels and not layout.shifted:
        return sums.reshape(k, n, *positions).swapaxes(0, 1)
    return sums.reshape(n, k, *positions)


def _flipped(w: Array, groups: int) -> Array:
    """`w` (K, C / G, *kernel) as (C, K / G, *kernel), every axis of the kernel turned round."""
    k, c = w.shape[0] // groups, w.shape[1]
    parts = w.reshape(groups, k, *w.shape[1:]).swapaxes(1, 2)
    turned = parts[:, :, :, *[slice(None, None, -1)] * (w.ndim - 2)]
    return turned.reshape(groups * c, k, *w.shape[2:])


def _layout(geo: Geometry, x: Array, c: int, k: int, channels_last: bool, adding: bool = True) -> Layout:
    """How to lay out the columns of `c` channels for `k` sums; `adding`: shifted ones cost additions.

    Images with fewer than k / 4 positions are taken together by pixels: one product with a large weight, not many.
    """
    small = 4 * math.prod(geo.out) <= k
    shifts = geo.stride[0] == 1 and geo.kernel[0] > 1 and not small
    shifted = shifts and (not adding or _cost(geo, c, k) < 2 * c * math.prod(geo.kernel))
    return Layout(_wide(x), channels_last or small, shifted)


def _cost(geo: Geometry, c: int, k: int) -> int:
    """Numbers moved for one position by a convolution of `c` channels to `k` with shifted columns: copies and sums."""
    return 2 * c * math.prod(geo.kernel[1:]) + 3 * k * (geo.kernel[0] - 1)


def _channels_last(x: Array) -> bool:
    return layout(x) is not contiguous_format


def _wide(x: Array) -> Any:
    """The type to compute in."""
    return np.dtype(np.float32) if is_half(x) else x.dtype
