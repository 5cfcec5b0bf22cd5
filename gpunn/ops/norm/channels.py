"""Arrays with channels, laid out so that sums over everything but the channels are exact and fast.

NumPy adds along slow axes one element after the other, which loses digits, and is slow where the inner axis is
short. Here BLAS adds at most `CHAIN` elements, and the partial sums are added in float64.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.ops.shape.conversion import contiguous_format, is_channels_last, layout

BLOCK = 2**19  # bytes that are worked on at a time, so that they stay in the cache
CHAIN = 1024  # elements that BLAS may add up in float32
WIDE = 512  # elements of a row, where rows can be joined
ROOM = 2**16  # elements of one value for each position that are worth their memory
NARROW = 128  # elements of a plane below which planes are joined to rows


class Channels(NamedTuple):
    """An array (N, C, *) as (A, W, B), without a copy if it is dense.

    By planes, B elements of one channel lie side by side, and W = C. By rows, B = 1, and a row of W elements holds
    `fold` pixels, each with the C channels, of which each has `inner` elements.
    """

    array: Array
    fold: int
    inner: int

    def spread(self, values: Array) -> Array:
        """A value for each channel, in a shape that broadcasts with `array`.

        Up to `ROOM` elements, a copy for each position: one long loop instead of one a plane takes half the time.
        """
        xp, (_, width, depth) = array_module(values), self.array.shape
        if self.inner > 1:
            values = xp.repeat(values, self.inner)
        column = (xp.tile(values, self.fold) if self.fold > 1 else values)[:, None]
        if depth > 1 and width * depth <= ROOM:
            return xp.ascontiguousarray(xp.broadcast_to(column, (width, depth)))
        return column

    def gather(self, sums: Array) -> Array:
        """Sums (W,) added up to (C,)."""
        return sums.reshape(self.fold, -1, self.inner).sum((0, 2))

    def blocks(self) -> Iterator[slice]:
        """Slices that cut the first axis into blocks of about `BLOCK` bytes."""
        length, width, depth = self.array.shape
        step = max(1, BLOCK // max(1, 4 * width * depth))
        if depth == 1:
            step = min(step, CHAIN)
        for start in range(0, length, step):
            yield slice(start, start + step)


def by_channels(x: Array, like: Array | None = None) -> Channels:
    """The array `x` (N, C, *) with its channels told apart; laid out as `like`, if that is given."""
    channels_last = is_channels_last(x if like is None else like)
    shape, fold, inner = _plan(x.shape[0], x.shape[1], math.prod(x.shape[2:]), channels_last)
    if channels_last:
        x = x.transpose(0, *range(2, x.ndim), 1)
    return Channels(array_module(x).ascontiguousarray(x).reshape(shape), fold, inner)


def as_images(result: Array, like: Array) -> Array:
    """The array of `by_channels(like)`, or one like it, in the shape of `like`."""
    if layout(like) is contiguous_format:
        return result.reshape(like.shape)
    rank = like.ndim
    pixels = result.reshape(like.shape[0], *like.shape[2:], like.shape[1])
    return pixels.transpose(0, rank - 1, *range(1, rank - 1))


@functools.lru_cache(maxsize=256)
def _plan(n: int, c: int, rest: int, channels_last: bool) -> tuple[tuple[int, int, int], int, int]:
    """The shape (A, W, B), fold and inner of `Channels`."""
    if rest > 1 and not channels_last:
        return ((n, c * rest, 1), 1, rest) if rest < NARROW else ((n, c, rest), 1, 1)
    pixels = n * rest
    most = min(pixels, WIDE // max(1, c))
    fold = next((k for k in range(most, 0, -1) if pixels % k == 0), 1)
    return (pixels // fold, fold * c, 1), fold, 1


def sums(a: Array) -> Array:
    """The sums (W,) over the first and the last axis of a block (A, W, B), in float64."""
    xp = array_module(a)
    if a.shape[2] == 1:
        return (xp.ones((1, len(a)), a.dtype) @ a[:, :, 0])[0].astype(np.float64)
    return dots(a, xp.ones((1, 1, a.shape[2]), a.dtype))


def dots(a: Array, b: Array) -> Array:
    """The sums (W,) of a · b over the first and the last axis of a block (A, W, B), in float64."""
    length, width, depth = a.shape
    if depth == 1:
        return sums(a * b)
    if depth <= CHAIN:
        return (a[:, :, None] @ b[..., None]).sum((0, 2, 3), dtype=np.float64)
    head = depth - depth % CHAIN
    parts = a[..., :head].reshape(length, width, -1, 1, CHAIN) @ b[..., :head].reshape(*b.shape[:2], -1, CHAIN, 1)
    result = parts.sum((0, 2, 3, 4), dtype=np.float64)
    return result + dots(a[..., head:], b[..., head:]) if head < depth else result
