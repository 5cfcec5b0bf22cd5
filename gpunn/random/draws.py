"""Draws: arrays of random numbers from the words of a stream."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, as_array, is_cuda_module
from gpunn.errors import ArgumentError
from gpunn.kernels.order import is_captured, rows
from gpunn.random.blocks import philox
from gpunn.random.generator import DIGITS, Generator, Place, digits_of

_WRAP = 1 << 64


def uniform(xp: Any, generator: Generator | Place, shape: tuple[int, ...], dtype: Any) -> Array:
    """The first d bits of the words as multiples of 2⁻ᵈ in [0, 1).

    d is the precision of the dtype, so that nothing rounds up to 1: 11 for float16, 8 for bfloat16,
    24 for float32, 53 for float64.
    """
    digits = digits_of(dtype)
    if is_cuda_module(xp):
        return _drawn("real", "uniform_draw", xp.empty(shape, dtype), generator)
    width = 32 if digits <= 24 else 64
    words = _words(xp, generator, math.prod(shape), width)
    words >>= width - digits
    numbers = words.astype(f"float{width}")
    numbers *= 2.0**-digits
    return numbers.reshape(shape).astype(dtype, copy=False)


def normal(xp: Any, generator: Generator | Place, shape: tuple[int, ...], dtype: Any) -> Array:
    """Standard normal numbers, in pairs by Box and Muller: √(-2 log u) (cos 2πv, sin 2πv).

    u in (0, 1] and v are a word each, 64 bits for float64, so |x| < 6.8 or 9.5. Devices agree to rounding.
    Source: G. Box, M. Muller, A note on the generation of random normal deviates, Ann. Math. Stat. 29 (1958).
    """
    width = 32 if digits_of(dtype) <= 24 else 64
    if is_cuda_module(xp):
        return _drawn("real", "normal_draw", xp.empty(shape, dtype), generator)
    count = math.prod(shape)
    pairs = _words(xp, generator, count + count % 2, width).reshape(-1, 2)
    u, v = pairs.T.astype(f"float{width}", order="C")
    u *= 2.0**-width
    u += 2.0 ** -(width + 1)
    v *= 2 * math.pi * 2.0**-width
    radius = xp.sqrt(-2 * xp.log(u))
    numbers = xp.empty(pairs.shape, dtype=u.dtype)
    xp.multiply(radius, xp.cos(v), out=numbers[:, 0])
    xp.multiply(radius, xp.sin(v), out=numbers[:, 1])
    return numbers.reshape(-1)[:count].reshape(shape).astype(dtype, copy=False)


def integers(xp: Any, generator: Generator, shape: tuple[int, ...], dtype: Any, low: int, high: int) -> Array:
    """Integers in [low, high): low plus a 64-bit number modulo high - low.

    No value is more probable than another by more than the factor 1 + (high - low) / 2⁶⁴.
    """
    smallest, largest = _integer_range(dtype)
    if low >= high:
        raise ArgumentError(f"randint: expected low < high, got low={low} and high={high}")
    if low < smallest or high - 1 > largest:
        raise ArgumentError(
            f"randint: {np.dtype(dtype).name} holds {smallest} to {largest}, got low={low} and high={high}"
        )
    if is_cuda_module(xp):
        limits = low % _WRAP, (high - low) % _WRAP
        return _drawn("integers", "integers_draw", xp.empty(shape, dtype), generator, *limits, per_block=2)
    numbers = _words(xp, generator, math.prod(shape), 64)
    if high - low < _WRAP:
        numbers %= xp.uint64(high - low)
    numbers += xp.uint64(low % _WRAP)  # wraps, and is two's complement
    return numbers.view(xp.int64).reshape(shape).astype(dtype, copy=False)


def bernoulli(xp: Any, generator: Generator, shape: tuple[int, ...], p: float | Array) -> Array:
    """True with probability p, a number or an array that broadcasts to `shape`: `uniform` in float32 < p.

    A GPU answers an array with 1 and 0 of the array's floating dtype.
    """
    if isinstance(p, float | int):
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: expected a probability p from 0 to 1, got {p}")
        if is_cuda_module(xp):
            return _drawn("bernoulli", "bernoulli_draw", xp.empty(shape, np.bool_), generator, float(p), per_block=4)
        p = xp.float32(p)
    elif is_cuda_module(xp):
        chances = xp.broadcast_to(p if p.dtype.kind in "fV" else p.astype(np.float32), shape)
        return _drawn(
            "chances",
            "chances_draw",
            xp.empty(shape, chances.dtype),
            generator,
            xp.ascontiguousarray(chances),
            per_block=4,
        )
    elif p.dtype.itemsize == 2:
        p = p.astype(np.float32)
    return as_array(uniform(xp, generator, shape, xp.float32) < p)


def permutation(xp: Any, generator: Generator, n: int, dtype: Any) -> Array:
    """0 to n - 1 in random order: sorted 64-bit numbers, whose last bits were replaced by the index.

    Ties cannot be, so every way to sort gives the same order.
    """
    if n < 0:
        raise ArgumentError(f"randperm: expected n >= 0, got {n}")
    exact = 1 << DIGITS.get(np.dtype(dtype).name, 63)
    if n - 1 > min(exact, _integer_range(dtype)[1]):
        raise ArgumentError(f"randperm: {np.dtype(dtype).name} does not hold all integers below n={n}")
    bits = max(n - 1, 0).bit_length()
    if is_cuda_module(xp):
        keys = _drawn("keys", "keys_draw", xp.empty(n, np.uint64), generator, bits, per_block=2)
    else:
        keys = _words(xp, generator, n, 64)
        keys >>= bits
        keys <<= bits
        keys |= xp.arange(n, dtype=xp.uint64)
    if is_captured(keys):
        (keys,), _ = rows(keys.reshape(1, n))
    else:
        keys.sort()
    keys &= xp.uint64((1 << bits) - 1)
    return keys.astype(dtype)


def _drawn(
    file: str, kernel: str, y: Array, generator: Generator | Place, *given: Any, per_block: int | None = None
) -> Array:
    """`y`, filled by a kernel of kernels/random with what the next blocks give, `per_block` elements each."""
    length = per_block or (2 if y.dtype.itemsize == 8 else 4)
    blocks = -(-y.size // length)
    kernels.launch(f"random/{file}", kernel, blocks, (y, *given, *generator.place(blocks).on(y), y.size))
    return y


def _words(xp: Any, generator: Generator | Place, count: int, width: int) -> Array:
    """The next `count` unsigned numbers of `width` bits, from a block of their own on."""
    blocks = -(-count * width // 128)
    xp.empty(4 * blocks, xp.uint32)  # too many for the memory: fail before the stream moves
    seed, offset = generator.reserve(blocks)
    return philox(xp, seed, offset, blocks).reshape(-1).view(f"uint{width}")[:count]


def _integer_range(dtype: Any) -> tuple[int, int]:
    """The smallest and the largest integer to draw into `dtype`."""
    kind, name = np.dtype(dtype).kind, np.dtype(dtype).name
    if kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    largest = {"bool": 1, "float16": 65504}.get(name, (1 << 63) - 1)
    return (0 if kind == "b" else -largest), largest
