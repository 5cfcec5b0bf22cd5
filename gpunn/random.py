"""Random numbers: Philox4x32-10, counter based, the same on NumPy and CuPy.

A generator is a seed and an offset. Block p of its stream is four 32-bit words, made of seed and p.
A draw of n elements takes the blocks from the offset on, and moves the offset past them:

    elements                                  words each    blocks
    float16, bfloat16, float32, bernoulli     1             ceil(n / 4)
    float64, integers, permutation            2             ceil(n / 2)

Element i is made of its own words, a normal one of those of its pair; the lower half of a 64-bit number comes
first. So it depends on seed, offset and i alone: not on the device, the shape, or how many more are drawn.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11 (2011).
"""

from __future__ import annotations

import math
import operator
import secrets
import threading
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gpunn import kernels
from gpunn.backend import Array, DeviceLike, as_array, as_device, is_cuda_module
from gpunn.errors import ArgumentError, DtypeError

_LOW = 0xFFFFFFFF
_WRAP = 1 << 64
_MULTIPLIERS = ((0xD2511F53,), (0xCD9E8D57,))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and √3 - 1
_ROUNDS = 10
_CHUNK = 1 << 15  # blocks at a time: 2 MiB of scratch stay in the cache

_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # of the significand


def philox(xp: Any, seed: int, start: int, count: int) -> Array:
    """Blocks `start` to `start + count` of the stream of `seed`: uint32, shape (count, 4).

    The key is the 64-bit seed; the 128-bit counter is `start`, whose lower 64 bits count on, and wrap.
    """
    steps = [[(seed >> 32 * j) + r * _KEY_STEPS[j] & _LOW for j in (0, 1)] for r in range(_ROUNDS)]
    keys = xp.asarray(steps, dtype=xp.uint64)[:, :, None]
    multipliers = xp.asarray(_MULTIPLIERS, dtype=xp.uint64)
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


class Generator:
    """A stream of random numbers with PyTorch's interface. Every device draws the same numbers from it."""

    state_type: ClassVar[Any] = np.asarray  # what `get_state` makes of the bytes; later Tensor

    def __init__(self, device: DeviceLike = "cpu") -> None:
        self.device = as_device(device)
        self._lock = threading.Lock()
        self._seed, self._offset = 67280421310721, 0  # PyTorch's default seed

    def manual_seed(self, seed: int) -> Generator:
        """The generator, at the start of the stream of `seed`.

        `seed` is an integer from -2⁶³ to 2⁶⁴ - 1; a negative one stands for 2⁶⁴ + seed.
        """
        if isinstance(seed, bool):
            raise ArgumentError(f"manual_seed: expected an integer, got {seed!r}")
        try:
            number = operator.index(seed)
        except TypeError:
            raise ArgumentError(f"manual_seed: expected an integer, got {seed!r}") from None
        if not -(_WRAP >> 1) <= number < _WRAP:
            raise ArgumentError(f"manual_seed: expected a seed from -2**63 to 2**64 - 1, got {seed}")
        with self._lock:
            self._seed, self._offset = number % _WRAP, 0
        return self

    def seed(self) -> int:
        """Start the stream of a seed that the operating system draws; returns the seed."""
        seed = secrets.randbits(64)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return self._seed

    def reserve(self, blocks: int) -> tuple[int, int]:
        """Seed and offset of the next `blocks` blocks. No other draw gets them, on any thread."""
        with self._lock:
            offset = self._offset
            self._offset = (offset + blocks) % _WRAP
            return self._seed, offset

    def get_state_array(self) -> npt.NDArray[np.uint8]:
        """Seed and offset as 16 bytes, little endian."""
        with self._lock:
            return np.array([self._seed, self._offset], dtype="<u8").view(np.uint8)

    def set_state_array(self, state: npt.NDArray[np.uint8]) -> None:
        """Continue where `get_state_array` was called."""
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8 or state.shape != (16,):
            given = f"{state.dtype} {state.shape}" if isinstance(state, np.ndarray) else type(state).__name__
            raise ArgumentError(f"set_state: expected uint8 of shape (16,), as get_state returns it, got {given}")
        seed, offset = np.ascontiguousarray(state).view("<u8")
        with self._lock:
            self._seed, self._offset = int(seed), int(offset)

    def get_state(self) -> Any:
        """The state as a uint8 tensor on the CPU."""
        return type(self).state_type(self.get_state_array())

    def set_state(self, new_state: Any) -> None:
        """Continue where `get_state` was called."""
        self.set_state_array(getattr(new_state, "array", new_state))

    def __getstate__(self) -> dict[str, Any]:
        return {"device": self.device, "state": self.get_state_array()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.device = state["device"]
        self._lock = threading.Lock()
        self.set_state_array(state["state"])


class Place(NamedTuple):
    """A place in the stream of a seed: draws from it take the same numbers each time, those of `reserve(…)`."""

    seed: int
    offset: int

    def reserve(self, blocks: int) -> Place:
        """Itself."""
        return self

    @classmethod
    def of_draw(cls, count: int, dtype: Any, generator: Generator | None = None) -> Place:
        """The place of the next draw of `count` uniform or normal numbers, which no other draw gets."""
        return cls(*(generator or default_generator).reserve(-(-count * (1 if _digits(dtype) <= 24 else 2) // 4)))


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; returns it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def uniform(xp: Any, generator: Generator | Place, shape: tuple[int, ...], dtype: Any) -> Array:
    """The first d bits of the words as multiples of 2⁻ᵈ in [0, 1).

    d is the precision of the dtype, so that nothing rounds up to 1: 11 for float16, 8 for bfloat16,
    24 for float32, 53 for float64.
    """
    digits = _digits(dtype)
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
    width = 32 if _digits(dtype) <= 24 else 64
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
    exact = 1 << _DIGITS.get(np.dtype(dtype).name, 63)
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
    keys.sort()
    keys &= xp.uint64((1 << bits) - 1)
    return keys.astype(dtype)


def _drawn(
    file: str, kernel: str, y: Array, generator: Generator | Place, *given: Any, per_block: int | None = None
) -> Array:
    """`y`, filled by a kernel of kernels/random with what the next blocks give, `per_block` elements each."""
    length = per_block or (2 if y.dtype.itemsize == 8 else 4)
    blocks = -(-y.size // length)
    kernels.launch(f"random/{file}", kernel, blocks, (y, *given, *generator.reserve(blocks), y.size))
    return y


def _words(xp: Any, generator: Generator | Place, count: int, width: int) -> Array:
    """The next `count` unsigned numbers of `width` bits, from a block of their own on."""
    blocks = -(-count * width // 128)
    xp.empty(4 * blocks, xp.uint32)  # too many for the memory: fail before the stream moves
    seed, offset = generator.reserve(blocks)
    return philox(xp, seed, offset, blocks).reshape(-1).view(f"uint{width}")[:count]


def _digits(dtype: Any) -> int:
    name = np.dtype(dtype).name
    if name not in _DIGITS:
        raise DtypeError(f"random numbers: expected a floating-point dtype, got {name}")
    return _DIGITS[name]


def _integer_range(dtype: Any) -> tuple[int, int]:
    """The smallest and the largest integer to draw into `dtype`."""
    kind, name = np.dtype(dtype).kind, np.dtype(dtype).name
    if kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    largest = {"bool": 1, "float16": 65504}.get(name, (1 << 63) - 1)
    return (0 if kind == "b" else -largest), largest
