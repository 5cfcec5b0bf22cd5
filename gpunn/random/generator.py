"""Generators: a seed, and how far its stream has been drawn."""

from __future__ import annotations

import operator
import secrets
import threading
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gpunn.backend import DeviceLike, as_device
from gpunn.errors import ArgumentError, DtypeError

_WRAP = 1 << 64
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # of the significand


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
        return cls(*(generator or default_generator).reserve(-(-count * (1 if digits_of(dtype) <= 24 else 2) // 4)))


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


def digits_of(dtype: Any) -> int:
    """The binary digits of the significand. Raises DtypeError for a dtype that is not floating."""
    name = np.dtype(dtype).name
    if name not in DIGITS:
        raise DtypeError(f"random numbers: expected a floating-point dtype, got {name}")
    return DIGITS[name]
