"""The columns of a convolution (im2col): what its windows see, as matrices, a bounded block at a time.

A block's columns are an array (B, T, G, M, L): B · T · G matrices (M, L) of M weights by L output positions. The
convolution is then the product of the weights, as matrices (K / G, M), with the columns, summed over T.

They lie in memory by planes, M before L, or by pixels, L before M, which is channels last. And they are whole or
shifted. Whole: T = 1 and M = C / G · elements of the kernel. Shifted, where the first axis has stride 1: M leaves out
the first axis of the kernel, since its T elements see the same columns, only rows further down; the matrices overlap
in memory, and T times less is copied. B images are in a block; whole columns by pixels join them, L over all images
and B = 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from gpunn.backend import Array, array_module
from gpunn.ops.conv.geometry import Geometry

Box = tuple[tuple[int, int], ...]  # start and stop: of the images, then of the positions along each axis


class Layout(NamedTuple):
    """How columns are laid out."""

    dtype: Any
    by_pixels: bool
    shifted: bool


def boxes(shape: tuple[int, ...], cell: int, limit: int) -> Iterator[Box]:
    """Boxes that cover `shape` (images, *positions), of `limit` bytes at most if a position takes `cell` bytes.

    Each is a run of whole images, or of whole rows of one image, or a part of one row: one run of memory.
    """
    if 0 in shape:
        return
    inner = cell * math.prod(shape[1:])
    if inner > limit and len(shape) > 1:
        for i in range(shape[0]):
            for rest in boxes(shape[1:], cell, limit):
                yield ((i, i + 1), *rest)
        return
    step = max(1, limit // max(1, inner))
    for i in range(0, shape[0], step):
        yield ((i, min(i + step, shape[0])), *[(0, n) for n in shape[1:]])


def inside(x: Array, box: Box) -> Array:
    """The part of `x` (N, C, *positions) in the box, a view."""
    (first, last), *spans = box
    return x[(slice(first, last), slice(None), *[slice(a, b) for a, b in spans])]


def columns(x: Array, box: Box, geo: Geometry, layout: Layout) -> Array:
    """The columns (B, T, G, M, L) of the output positions in `box`."""
    xp, g, d, s = array_module(x), geo.groups, geo.dilation, geo.stride
    seen = _seen(x, box, geo, layout)
    if max(*geo.kernel, *s) == 1:  # every position sees itself: nothing to copy
        return dense_matrices(seen, g, layout)[:, None]
    n, c = seen.shape[0], seen.shape[1] // g
    taps, kernel = _split(geo, layout)
    rows = [b - a for a, b in box[1:]]
    positions, row = math.prod(rows), math.prod(rows[1:])
    if layout.shifted:
        rows[0] = seen.shape[2]
    image, channel, *steps = seen.strides
    across = [d[i] * step for i, step in enumerate(steps)][layout.shifted :]  # from one weight to the next
    along = [s[i] * step for i, step in enumerate(steps)]  # from one position to the next
    windows = xp.lib.stride_tricks.as_strided(
        seen, (n, g, c, *kernel, *rows), (image, c * channel, channel, *across, *along)
    )
    m, size = c * math.prod(kernel), row * rows[0]
    if not layout.by_pixels:
        filled = xp.ascontiguousarray(windows)
        strides = g * m * size, d[0] * row, m * size, size, 1
    else:
        end = 3 + len(kernel)
        filled = xp.ascontiguousarray(windows.transpose(0, *range(end, windows.ndim), 1, *range(3, end), 2))
        strides = size * g * m, d[0] * row * g * m, m, 1, g * m
        if taps == 1:
            n, positions = 1, n * positions
    strides = tuple([stride * filled.dtype.itemsize for stride in strides])
    return xp.lib.stride_tricks.as_strided(filled, (n, taps, g, m, positions), strides)


def _split(geo: Geometry, layout: Layout) -> tuple[int, tuple[int, ...]]:
    """T, and the kernel's axes that are in M."""
    return (geo.kernel[0], geo.kernel[1:]) if layout.shifted else (1, geo.kernel)


def _seen(x: Array, box: Box, geo: Geometry, layout: Layout) -> Array:
    """What the windows in the box see, zeros and all, in the layout's dtype; `x` itself or a view if that is it."""
    edges = []  # along each axis: first and last element seen, which may lie outside the input
    for (a, b), k, s, d, before in zip(box[1:], geo.kernel, geo.stride, geo.dilation, geo.before, strict=True):
        edges.append((a * s - before, (b - 1) * s - before + d * (k - 1) + 1))
    there = [(min(max(a, 0), n), max(min(b, n), 0)) for (a, b), n in zip(edges, geo.size, strict=True)]
    part = inside(x, (box[0], *there))
    in_order = not layout.by_pixels or x.strides[1] == x.dtype.itemsize
    if there == edges and x.dtype == layout.dtype and in_order:
        return part
    seen = empty_images(x, (part.shape[0], x.shape[1], *[b - a for a, b in edges]), layout.dtype, layout.by_pixels)
    if there != edges:
        seen[...] = 0
    margins = [(lo - a, hi - a) for (a, _), (lo, hi) in zip(edges, there, strict=True)]
    inside(seen, ((0, part.shape[0]), *margins))[...] = part
    return seen


def empty_images(like: Array, shape: tuple[int, ...], dtype: Any, channels_last: bool) -> Array:
    """A new array (N, C, *positions) on the device of `like`."""
    xp = array_module(like)
    if not channels_last:
        return xp.empty(shape, dtype)
    rank = len(shape)
    return xp.empty((shape[0], *shape[2:], shape[1]), dtype).transpose(0, rank - 1, *range(1, rank - 1))


def matrices(y: Array, groups: int, layout: Layout) -> Array:
    """The images `y` (N, K, *positions) as matrices (B, G, K / G, L), B and L as in columns: a view if possible."""
    n, k, positions = y.shape[0], y.shape[1], math.prod(y.shape[2:])
    if not layout.by_pixels:
        return y.reshape(n, groups, k // groups, positions)
    batch = (n, positions) if layout.shifted else (1, n * positions)
    pixels = y.transpose(0, *range(2, y.ndim), 1).reshape(*batch, groups, k // groups)
    return pixels.transpose(0, 2, 3, 1)


def dense_matrices(y: Array, groups: int, layout: Layout) -> Array:
    """`matrices` of the layout's dtype, copied if BLAS cannot read them where they are."""
    result = matrices(y.astype(layout.dtype, copy=False), groups, layout)
    if result.dtype.itemsize in result.strides[2:] and 0 not in result.strides:
        return result
    return array_module(y).ascontiguousarray(result)


def weight_matrices(w: Array, geo: Geometry, layout: Layout) -> Array:
    """`w` (K, C / G, *kernel) as matrices (T, G, K / G, M), to be multiplied with the columns."""
    xp, (taps, kernel) = array_module(w), _split(geo, layout)
    k, c = w.shape[0] // geo.groups, w.shape[1]
    parts, m = w.reshape(geo.groups, k, c, taps, *kernel), c * math.prod(kernel)
    inner = range(4, parts.ndim)
    order = (3, 0, *inner, 2, 1) if layout.by_pixels else (3, 0, 1, 2, *inner)
    split = xp.ascontiguousarray(parts.transpose(order), dtype=layout.dtype)
    if layout.by_pixels:
        return split.reshape(taps, geo.groups, m, k).swapaxes(2, 3)
    return split.reshape(taps, geo.groups, k, m)


def from_matrices(matrices: Array, shape: tuple[int, ...], geo: Geometry, layout: Layout) -> Array:
    """The weight (K, C / G, *kernel) whose transposed matrices (T, G, M, K / G) are given."""
    taps, kernel = _split(geo, layout)
    k, rank = shape[0] // geo.groups, len(kernel)
    if layout.by_pixels:
        parts = matrices.reshape(taps, geo.groups, *kernel, shape[1], k)
        return parts.transpose(1, 3 + rank, 2 + rank, 0, *range(2, 2 + rank)).reshape(shape)
    parts = matrices.reshape(taps, geo.groups, shape[1], *kernel, k)
    return parts.transpose(1, 3 + rank, 2, 0, *range(3, 3 + rank)).reshape(shape)
