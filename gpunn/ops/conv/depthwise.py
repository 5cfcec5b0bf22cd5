"""Depthwise convolutions on the CPU: each channel has filters of its own, so there is nothing for BLAS to do.

The planes of a few channels are copied, once for each element of the kernel's last axes, so that what one element of
the kernel sees of a channel is one run of memory: NumPy's einsum then multiplies and adds runs in the cache, without
an array for each product. 64 channels of 56 x 56 positions, kernel 3: half the time of products of matrices. Where the
first axis has stride 1 its elements share a copy, rows further down.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.conv.columns import Box, inside, sights
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.shape.conversion import is_channels_last

BLOCK = 2**21  # bytes of the copies: they stay in the cache of a core, or nearly
RUN = 2**12  # positions that make a run long enough


class Block(NamedTuple):
    """Some channels, and the images and positions of the output; the runs of what they see, and of their results.

    `seen` (channels, first axis of the kernel, its others, L) holds until the next block. The results of a channel are
    (images, rows + the plan's halo, ...), whose last rows mean nothing.
    """

    channels: slice
    box: Box
    seen: Array


class Plan(NamedTuple):
    """How copies are made: whether the elements of the kernel's first axis share one, and how many rows are in it."""

    shared: bool
    rows: int  # of results
    halo: int  # rows more, that the last of them see
    row: int  # elements of a row in all copies

    @property
    def size(self) -> int:
        """Elements of the copies of one channel."""
        return (self.rows + self.halo) * self.row


def plan_of(x: Array, geo: Geometry, k: int) -> Plan | None:
    """How to convolve `x` (N, C, *size) with `k` filters; None if products of matrices do it better.

    Each filter must see one channel of many, few filters the same, and the rows be short enough for a block.
    """
    if not 1 < geo.groups == x.shape[1] or k > 2 * geo.groups or 0 in (*x.shape, *geo.kernel, *geo.out):
        return None
    if is_channels_last(x):
        return None
    most = BLOCK // (math.prod(geo.out[1:]) * max(4, x.dtype.itemsize))  # rows of all copies in a block
    halo = geo.dilation[0] * (geo.kernel[0] - 1)
    for shared in (True, False):
        copies = math.prod(geo.kernel[shared:])
        if not shared:
            halo = 0
        elif len(geo.kernel) == 1 or geo.stride[0] > 1 or 2 * halo > geo.out[0]:
            continue
        rows = min(geo.out[0], most // copies - halo)
        if rows > halo:
            return Plan(shared, rows, halo, copies * math.prod(geo.out[1:]))
    return None


def correlate(y: Array, x: Array, w: Array, bias: Array | None, geo: Geometry, plan: Plan, dtype: Any) -> None:
    """Fill `y` (N, K, *out) with the convolution of `x` (N, C, *size) with `w` (K, 1, *kernel), computed in `dtype`."""
    filters = w.astype(dtype, copy=False).reshape(geo.groups, -1, geo.kernel[0], math.prod(geo.kernel[1:]))
    many = filters.shape[1]
    offset = None if bias is None else bias.astype(dtype, copy=False).reshape(-1, *[1] * (1 + len(geo.kernel)))
    for block in _blocks(x, geo, plan, dtype):
        some = slice(block.channels.start * many, block.channels.stop * many)
        target = inside(y[:, some], block.box)
        n, k, rows, *row = target.shape
        runs = np.empty((k, n * (rows + plan.halo) * math.prod(row)), dtype)
        used = block.seen.shape[-1]
        np.einsum(
            "gkrs,grsl->gkl", filters[block.channels], block.seen, out=runs.reshape(-1, many, runs.shape[1])[..., :used]
        )
        sums = runs.reshape(k, n, rows + plan.halo, *row)[:, :, :rows]
        if offset is not None:
            sums += offset[some]
        target[...] = sums.swapaxes(0, 1)


def weight_gradient(g: Array, x: Array, geo: Geometry, plan: Plan, dtype: Any) -> Array:
    """dw (K, 1, *kernel) in `dtype`, given the gradient `g` (N, K, *out) of the output.

    NaN may stand for an infinite number: what lies between images is multiplied by 0.
    """
    many = g.shape[1] // geo.groups
    total = np.zeros((geo.groups, many, geo.kernel[0], math.prod(geo.kernel[1:])), dtype)
    for block in _blocks(x, geo, plan, dtype):
        grads = inside(g[:, block.channels.start * many : block.channels.stop * many], block.box).swapaxes(0, 1)
        k, n, rows, *row = grads.shape
        runs = np.zeros((k, n, rows + plan.halo, *row), dtype)
        runs[:, :, :rows] = grads
        used = runs.reshape(k // many, many, -1)[..., : block.seen.shape[-1]]
        total[block.channels] += np.einsum("grsl,gkl->gkrs", block.seen, used)
    return total.reshape(g.shape[1], 1, *geo.kernel)


def _blocks(x: Array, geo: Geometry, plan: Plan, dtype: Any) -> Iterator[Block]:
    """The blocks of the output."""
    (n, c), rows = x.shape[:2], plan.rows
    images = min(n, max(1, RUN // (plan.size // math.prod(geo.kernel[plan.shared :]))))
    channels = min(c, max(1, BLOCK // (images * plan.size * np.dtype(dtype).itemsize)))
    memory = np.zeros(channels * images * plan.size, dtype)
    shape: tuple[int, ...] = ()
    for i, j, top in itertools.product(range(0, n, images), range(0, c, channels), range(0, geo.out[0], rows)):
        box = (i, min(i + images, n)), (top, min(top + rows, geo.out[0])), *[(0, m) for m in geo.out[1:]]
        some = slice(j, min(j + channels, c))
        counts = box[0][1] - i, box[1][1] - top + plan.halo  # images, rows
        before, shape = shape, (some.stop - j, *geo.kernel[plan.shared :], *counts, *geo.out[1:])
        planes = memory[: math.prod(shape)].reshape(shape)
        if before and (shape != before or rows < geo.out[0]):
            planes[...] = 0  # the last block had its zeros elsewhere
        _fill(planes, x[i : box[0][1], some], box, geo, plan.shared)
        yield Block(some, box, _runs(planes, geo, plan.shared))


def _fill(planes: Array, x: Array, box: Box, geo: Geometry, shared: bool) -> None:
    """Copy what the box sees of `x` (N, C, *size) into `planes` (C, *copies, N, *positions), with zeros elsewhere."""
    rows: list[slice] = []
    targets: list[slice] = []
    if shared:
        start = box[1][0] - geo.before[0]  # of the input, seen by the first row
        a, b = max(start, 0), min(start + planes.shape[1 + len(geo.kernel)], geo.size[0])
        if a >= b:
            return
        rows, targets = [slice(a, b)], [slice(a - start, b - start)]
    images = x.swapaxes(0, 1)
    for tap, seen, positions in sights(box, geo, range(shared, len(geo.kernel))):
        planes[:, *tap, :, *targets, *positions] = images[:, :, *rows, *seen]


def _runs(planes: Array, geo: Geometry, shared: bool) -> Array:
    """`planes` by the elements of the kernel: (C, first axis, others, L), a view."""
    c, k = len(planes), geo.kernel[0]
    if not shared:
        return planes.reshape(c, k, math.prod(geo.kernel[1:]), -1)
    copies = planes.reshape(c, math.prod(geo.kernel[1:]), -1)
    down = geo.dilation[0] * math.prod(geo.out[1:])  # elements from one row seen to the next
    length = copies.shape[2] - down * (k - 1)
    channel, copy, step = copies.strides
    return np.lib.stride_tricks.as_strided(copies, (c, k, copies.shape[1], length), (channel, down * step, copy, step))
