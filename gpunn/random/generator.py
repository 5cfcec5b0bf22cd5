"""Generators: a seed, and how far its stream has been drawn."""

from __future__ import annotations

import operator
import secrets
import threading
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gpunn import capture
from gpunn.backend import Array, DeviceLike, array_module, as_device
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
        if capture.current() is not None:
            raise capture.CaptureError("manual_seed: a graph goes on with the stream it finds; seed it outside.")
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

    def place(self, blocks: int) -> Place:
        """The place of the next `blocks` blocks, which no other draw gets; in a graph each launch has its own."""
        recording = capture.current()
        stream = None if recording is None else self._recorded(recording)
        return Place(*self.reserve(blocks), stream)

    def _recorded(self, recording: capture.Capture) -> RecordedStream:
        """The stream of the graph that is being recorded."""
        found: RecordedStream | None = recording.parts.get(("generator", id(self)))
        if found is None:
            found = recording.parts["generator", id(self)] = RecordedStream(self, recording)
        return found

    def position(self) -> tuple[int, int]:
        """Seed and offset."""
        with self._lock:
            return self._seed, self._offset

    def move_to(self, offset: int) -> None:
        """Go on at another offset of the same stream."""
        with self._lock:
            self._offset = offset % _WRAP

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
        if capture.current() is not None and seed != self._seed:
            raise capture.CaptureError("set_state: a graph goes on with the stream it finds; set another one outside.")
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
    recorded: RecordedStream | None = None  # that of the graph which is being recorded

    def reserve(self, blocks: int) -> tuple[int, int]:
        """Seed and offset."""
        return self.seed, self.offset

    def place(self, blocks: int) -> Place:
        """Itself."""
        return self

    def on(self, like: Array) -> tuple[Array, int]:
        """What kernels on the GPU of `like` take: seed and block in device memory, and the offset from there."""
        if self.recorded is not None:
            return self.recorded.array_on(like), (self.offset - self.recorded.start) % _WRAP
        cupy, recording = array_module(like), capture.current()
        if recording is not None:  # a place of before; caches may drop what the graph needs
            key = "place", self.seed
            if key not in recording.parts:
                recording.parts[key] = recording.constant(cupy, np.array([self.seed, 0], np.uint64))
            return recording.parts[key], self.offset
        return _stream(cupy, like.device.id, cupy.cuda.get_current_stream().ptr, self.seed), self.offset

    @classmethod
    def of_draw(cls, count: int, dtype: Any, generator: Generator | None = None) -> Place:
        """The place of the next draw of `count` uniform or normal numbers, which no other draw gets."""
        return (generator or default_generator).place(-(-count * (1 if digits_of(dtype) <= 24 else 2) // 4))


@lru_cache(maxsize=16)
def _stream(cupy: Any, device: int, stream: int, seed: int) -> Array:
    """The beginning of the stream of `seed` in device memory, for work on one CUDA stream."""
    with cupy.cuda.Device(device):
        return cupy.asarray(np.array([seed, 0], np.uint64))


class RecordedStream:
    """The stream of a generator in a captured graph: seed and block lie in device memory, and the graph counts them on.

    The host counts along, and sends the two only if somebody else has drawn or seeded in between.
    """

    def __init__(self, generator: Generator, recording: capture.Capture) -> None:
        self._generator, self._recording = generator, recording
        self.seed, self.start = generator.position()
        self._array: Array | None = None
        self._known: tuple[int, int] | None = None  # seed and offset in device memory
        self._length = 0  # blocks of a launch
        recording.at_end.append(self._count_on)
        recording.undo.append(lambda: generator.move_to(self.start))
        recording.before.append(self._before)
        recording.after.append(self._after)

    def array_on(self, like: Array) -> Array:
        """[seed, offset at the beginning of a launch]"""
        if self._array is None:
            self._array = self._recording.constant(array_module(like), np.zeros(2, np.uint64))
        return self._array

    def _count_on(self) -> None:
        """Record the step to the blocks of the next launch."""
        self._length = (self._generator.position()[1] - self.start) % _WRAP
        if self._array is not None and self._length:
            offset = self._array[1:]
            offset += np.uint64(self._length)

    def _before(self) -> None:
        position = self._generator.position()
        if self._array is not None and position != self._known:
            self._array.set(np.array(position, np.uint64))
            self._known = position

    def _after(self) -> None:
        seed, offset = self._generator.position()
        self._known = seed, (offset + self._length) % _WRAP
        self._generator.move_to(offset + self._length)


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
