"""How an array is cut into what is normalised together."""

from __future__ import annotations

import math
from typing import NamedTuple

from gpunn.backend import Array, array_module
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER


class Cut(NamedTuple):
    """An array as (groups, rows, inner, members, span), in the order of memory.

    There is a mean and a variance for each of (groups, inner), over the three other axes, and a weight and a bias
    for each of (inner, members), which are the channels.
    """

    groups: int
    rows: int
    inner: int
    members: int
    span: int

    @property
    def channels(self) -> int:
        """How many weights there are."""
        return self.inner * self.members

    @property
    def length(self) -> int:
        """The neighbours in memory that belong to one statistic."""
        return self.members * self.span

    @property
    def statistics(self) -> int:
        """How many means there are."""
        return self.groups * self.inner

    @property
    def size(self) -> int:
        """The elements of one statistic."""
        return self.rows * self.length


REDUCED = (1, 3, 4)  # the axes of a Cut over which a mean is taken
SHARED = (0, 1, 4)  # the axes over which elements share a weight


def channel_cut(shape: tuple[int, ...], groups: int | None, channels_last: bool) -> Cut:
    """Images (N, C, *) with statistics for `groups` groups of channels of each image; None: for each channel."""
    images, channels, pixels = shape[0], shape[1], math.prod(shape[2:])
    if groups is None:
        return Cut(1, images * pixels, channels, 1, 1) if channels_last else Cut(1, images, channels, 1, pixels)
    members = channels // max(groups, 1)
    if channels_last:
        return Cut(images, pixels, groups, members, 1)
    return Cut(images, 1, groups, members, pixels)


def in_memory_order(x: Array, channels_last: bool) -> Array:
    """`x` (N, C, *) as a C-contiguous array, with its channels first or last; a copy only if it lies otherwise."""
    return array_module(x).ascontiguousarray(x.transpose(CHANNELS_LAST_ORDER[x.ndim]) if channels_last else x)


def as_given(y: Array, shape: tuple[int, ...], channels_last: bool) -> Array:
    """The elements of `y`, in the order of `in_memory_order`, as an array of `shape`."""
    if not channels_last:
        return y.reshape(shape)
    order = CHANNELS_LAST_ORDER[len(shape)]
    back = sorted(range(len(shape)), key=order.__getitem__)
    return y.reshape([shape[axis] for axis in order]).transpose(back)
