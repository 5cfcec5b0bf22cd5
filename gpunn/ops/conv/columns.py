"""The columns of a convolution (im2col): what its windows see, as matrices, a bounded block at a time.

A block's columns are an array (B, G, M, L): B · G matrices of M weights by L output positions. The convolution is their
product with the weights, which are T · G matrices (K / G, M).

Columns are whole or shifted. Whole: T = 1 and M = C / G · elements of the kernel. Shifted, where the first axis has
stride 1: M leaves out the first axis of the kernel, since its T elements see the same columns, only rows further down.
T times less is copied, and T products are summed (`shifts`).

They lie in memory by planes, M before L, or by pixels, L before M, which is channels last. B images are in a block;
whole columns by pixels join them: L goes over all images, and B = 1.
"""

from __future__ import annotations

import itertools
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
    """The columns (B, G, M, L) for the output positions in `box`; if shifted, for the rows of the input seen there."""
    if max(*geo.kernel, *geo.stride) == 1 and geo.size == geo.out:  # every position sees itself: nothing to copy
        return dense_matrices(inside(x, box), geo.groups, layout)
    xp, g, c, (_, kernel) = array_module(x), geo.groups, x.shape[1] // geo.groups, _split(geo, layout)
    n, *positions = [b - a for a, b in box]
    edges = _edges(box, geo, layout)
    if layout.shifted:
        positions[0] = edges[0][1] - edges[0][0]
    m, size = c * math.prod(kernel), math.prod(positions)
    seen = _seen(x, box[0], edges, layout, m // c * size if c else 0)
    if seen is None:
        filled = _filled(x, box, edges, (n, g, c, *kernel, *positions), geo, layout)
    else:
        image, channel, *steps = seen.strides
        across = [d * step for d, step in zip(geo.dilation, steps, strict=True)]  # from one weight to the next
        along = [s * step for s, step in zip(geo.stride, steps, strict=True)]  # from one position to the next
        strides = (image, c * channel, channel, *across[layout.shifted :], *along)
        windows = xp.lib.stride_tricks.as_strided(seen, (n, g, c, *kernel, *positions), strides)
        filled = xp.ascontiguousarray(in_memory(windows, len(kernel), layout))
    return as_columns(filled, (n, g, m, size), layout)


def as_columns(filled: Array, shape: tuple[int, int, int, int], layout: Layout) -> Array:
    """Windows in memory order as columns (B, G, M, L), a view; `shape` is (N, G, M, L of one image)."""
    n, g, m, size = shape
    if not layout.by_pixels:
        return filled.reshape(shape)
    joined = (n, size) if layout.shifted else (1, n * size)
    return filled.reshape(*joined, g, m).transpose(0, 2, 3, 1)


def _split(geo: Geometry, layout: Layout) -> tuple[int, tuple[int, ...]]:
    """T, and the kernel's axes that are in M."""
    return (geo.kernel[0], geo.kernel[1:]) if layout.shifted else (1, geo.kernel)


def in_memory(windows: Array, rank: int, layout: Layout) -> Array:
    """Windows (N, G, C / G, *kernel, *positions) with their axes in the order of memory: a view."""
    if not layout.by_pixels:
        return windows
    end = 3 + rank
    return windows.transpose(0, *range(end, windows.ndim), 1, *range(3, end), 2)


def _edges(box: Box, geo: Geometry, layout: Layout) -> list[tuple[int, int]]:
    """The first and the last element seen along each axis, which may lie outside the input; but for shifted rows."""
    edges = []
    for (a, b), k, s, d, before in zip(box[1:], geo.kernel, geo.stride, geo.dilation, geo.before, strict=True):
        edges.append((a * s - before, (b - 1) * s - before + d * (k - 1) + 1))
    if layout.shifted:
        first = min(max(edges[0][0], 0), geo.size[0])
        edges[0] = first, max(first, min(edges[0][1], geo.size[0]))
    return edges


def _seen(x: Array, images: tuple[int, int], edges: list[tuple[int, int]], layout: Layout, most: int) -> Array | None:
    """What the windows see between the edges, in the layout's dtype: a view of `x`, or a copy with zeros around it.

    None if the copy would take more than `most` elements of each channel: windows that see little of a wide area.
    """
    there = [(min(max(a, 0), n), max(min(b, n), 0)) for (a, b), n in zip(edges, x.shape[2:], strict=True)]
    part = inside(x, (images, *there))
    in_order = x.strides[1 if layout.by_pixels else -1] == x.dtype.itemsize
    if there == edges and x.dtype == layout.dtype and in_order:
        return part
    shape = [b - a for a, b in edges]
    if math.prod(shape) > most:
        return None
    seen = empty_images(x, (part.shape[0], x.shape[1], *shape), layout.dtype, layout.by_pixels)
    if there != edges:
        seen[...] = 0
    margins = [(lo - a, hi - a) for (a, _), (lo, hi) in zip(edges, there, strict=True)]
    inside(seen, ((0, part.shape[0]), *margins))[...] = part
    return seen


def _filled(
    x: Array, box: Box, edges: list[tuple[int, int]], shape: tuple[int, ...], geo: Geometry, layout: Layout
) -> Array:
    """Windows of `shape` (N, G, C / G, *kernel, *positions) in memory order, one element of the kernel at a time."""
    axes = range(layout.shifted, len(geo.kernel))
    windows = empty_windows(x, shape, len(axes), layout)
    windows[...] = 0
    (first, last), rows = box[0], [slice(*edges[0])] * layout.shifted
    images = x[first:last].reshape(*shape[:3], *geo.size)
    for tap, seen, positions in sights(box, geo, axes):
        windows[:, :, :, *tap, *[slice(None)] * layout.shifted, *positions] = images[:, :, :, *rows, *seen]
    return in_memory(windows, len(axes), layout)


def empty_windows(like: Array, shape: tuple[int, ...], rank: int, layout: Layout) -> Array:
    """A new array (N, G, C / G, *kernel, *positions), of which `rank` axes are the kernel's."""
    xp = array_module(like)
    if not layout.by_pixels:
        return xp.empty(shape, layout.dtype)
    n, g, c, kernel, positions = *shape[:3], shape[3 : 3 + rank], shape[3 + rank :]
    depth = len(positions)
    pixels = xp.empty((n, *positions, g, *kernel, c), layout.dtype)
    return pixels.transpose(0, depth + 1, pixels.ndim - 1, *range(depth + 2, pixels.ndim - 1), *range(1, depth + 1))


def sights(box: Box, geo: Geometry, axes: range) -> Iterator[tuple[tuple[int, ...], list[slice], list[slice]]]:
    """Each element of the kernel's `axes`, what it sees of the input, and from which positions of the box."""
    for tap in itertools.product(*[range(geo.kernel[i]) for i in axes]):
        seen, positions = [], []
        for r, i in zip(tap, axes, strict=True):
            (a, b), stride = box[i + 1], geo.stride[i]
            offset = r * geo.dilation[i] - geo.before[i]  # where position 0 looks
            start, stop = max(a, -(offset // stride)), min(b, (geo.size[i] - 1 - offset) // stride + 1)
            if start >= stop:
                break
            positions.append(slice(start - a, stop - a))
            seen.append(slice(start * stride + offset, (stop - 1) * stride + offset + 1, stride))
        else:
            yield tap, seen, positions


def shifts(box: Box, geo: Geometry, layout: Layout) -> list[tuple[int, slice, slice]]:
    """What to multiply: each weight matrix, the part of L where its product belongs, and the part of the columns' L.

    Rows of zeros around the input are left out. The longest parts come first.
    """
    n, *sizes = [b - a for a, b in box]
    if not layout.shifted:
        everything = slice(0, math.prod(sizes) * (n if layout.by_pixels else 1))
        return [(0, everything, everything)]
    (first, last), row = box[1], math.prod(sizes[1:])
    top = min(max(first - geo.before[0], 0), geo.size[0])  # the first row that is in the columns
    found = []
    for tap in range(geo.kernel[0]):
        down = tap * geo.dilation[0] - geo.before[0]
        a, b = max(first, -down), min(last, geo.size[0] - down)
        if a < b:
            here = slice((a - first) * row, (b - first) * row)
            found.append((tap, here, slice((a + down - top) * row, (b + down - top) * row)))
    return sorted(found, key=_length, reverse=True)


def _length(step: tuple[int, slice, slice]) -> int:
    length: int = step[1].stop - step[1].start
    return length


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
