"""Philox4x32-10: the blocks of a stream, each from the seed and its own number."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn.backend import Array, is_cuda_module

_LOW = 0xFFFFFFFF
_WRAP = 1 << 64
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and √3 - 1
_ROUNDS = 10
FEW = 4  # blocks: up to here Python's own integers are faster than NumPy's arrays
_CHUNK = 1 << 15  # blocks at a time: 2 MiB of scratch stay in the cache


def philox(xp: Any, seed: int, start: int, count: int) -> Array:
    """Blocks `start` to `start + count` of the stream of `seed`: uint32, shape (count, 4).

    The key is the 64-bit seed; the 128-bit counter is `start`, whose lower 64 bits count on, and wrap.
    """
    if count <= FEW and not is_cuda_module(xp):
        return _few(seed, start, count)
    steps = [[(seed >> 32 * j) + r * _KEY_STEPS[j] & _LOW for j in (0, 1)] for r in range(_ROUNDS)]
    keys = xp.asarray(steps, dtype=xp.uint64)[:, :, None]
    multipliers = xp.asarray(_MULTIPLIERS, dtype=xp.uint64)[:, None]
    blocks = xp.empty((count, 2), dtype=xp.uint64)
    for first in range(0, count, _CHUNK):
        chunk = blocks[first : first + _CHUNK]
        position = xp.arange(len(chunk), dtype=xp.uint64)
        position += xp.uint64((start + first) % _WRAP)
        chunk[...] = _bijection(xp, keys, multipliers, position, start >> 64).T
    return blocks.view(xp.uint32)


def _bijection(xp: Any, keys: Array, multipliers: Array, position: Array, stream: int) -> Array:
    """Philox of the counters (position, stream): (2, n) uint64, words 0 and 1 in row 0, 2 and 3 in row 1."""
    low, half = xp.uint64(_LOW), xp.uint64(32)
    even = xp.empty((2, len(position)), dtype=xp.uint64)  # words 0 and 2 of the counter
    odd = xp.empty_like(even)  # words 1 and 3
    product = xp.empty_like(even)
    xp.bitwise_and(position, low, out=even[0])
    xp.right_shift(position, half, out=odd[0])
    even[1], odd[1] = stream & _LOW, stream >> 32
    for key in keys:
        odd ^= key
        xp.multiply(even, multipliers, out=product)
        xp.right_shift(product[::-1], half, out=even)
        even ^= odd
        xp.bitwise_and(product[::-1], low, out=odd)
    odd <<= half
    odd |= even
    return odd


def _few(seed: int, start: int, count: int) -> Array:
    """The blocks, one after the other."""
    words: list[int] = []
    for p in range(start, start + count):
        a, b = p & _LOW, p >> 32 & _LOW
        c, d = start >> 64 & _LOW, start >> 96
        k, m = seed & _LOW, seed >> 32
        for _ in range(_ROUNDS):
            first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
            a, b, c, d = second >> 32 ^ b ^ k, second & _LOW, first >> 32 ^ d ^ m, first & _LOW
            k, m = k + _KEY_STEPS[0] & _LOW, m + _KEY_STEPS[1] & _LOW
        words += (a, b, c, d)
    return np.array(words, np.uint32).reshape(count, 4)
