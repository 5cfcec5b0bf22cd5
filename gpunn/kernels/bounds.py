"""What a kernel found out of bounds, told to the user when the host next waits for the device.

A kernel that takes indices cannot raise. It does not use an index that is out of bounds, and notes it in a slot that
the launch has for itself; of several offenders the one at the lowest position stays, in any order of threads. The
slots are read after the next copy to the host or `synchronize()`, and the first offender becomes an IndexRangeError.
Numbers that must lie in a range are noted in the same way, and become an ArgumentError.

```
faults, slot = bounds.slot("embedding", index, size)
kernels.launch("embedding", "embedding_forward", n, (y, table, index, …, faults, slot))
```
"""

from __future__ import annotations

import struct
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gpunn import backend, capture
from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError, IndexRangeError

SLOTS: Final = 256  # launches between two reads that are told apart
WORDS: Final = 3  # of a slot: position << 24 | 24 bits of the value each, the lowest bits first
_EMPTY: Final = np.uint64(2**64 - 1)

Describe = Callable[[str, int], Exception]  # the error for " at position 3" and the 64 bits of what is there


class _Faults:
    """The slots of one stream of a GPU, and what the host knows of the launches that they belong to."""

    def __init__(self, array: Array, stream: Any) -> None:
        self.array, self.stream = array, stream
        self.launches: list[tuple[tuple[int, ...], Describe]] = []  # the shape of what is looked at; its error

    def read(self) -> Exception | None:
        """The error for the first offender of all launches since the last read; forgets them.

        None while the stream is still at work: the host has waited for another one.
        """
        with self.array.device, self.stream:
            if not self.stream.done:
                return None
            launches, self.launches = self.launches, []
            return self._first_of(launches)

    def _first_of(self, launches: list[tuple[tuple[int, ...], Describe]]) -> Exception | None:
        words = self.array.get()
        found = np.flatnonzero(words[: len(launches), 0] != _EMPTY)
        if not len(found):
            return None
        self.array.fill(_EMPTY)
        shape, describe = launches[found[0]]
        position, bits = _decoded(words[found[0]])
        return describe(at_position(position, shape), bits)


class _GraphFaults(_Faults):
    """The slots of a graph, whose launches note in them at each replay."""

    was_launched = False

    def launched(self) -> None:
        """Look at the slots when the host next waits."""
        self.was_launched = True

    def read(self) -> Exception | None:
        was_launched, self.was_launched = self.was_launched, False
        return self._first_of(self.launches) if was_launched else None


_faults: dict[tuple[Any, int, int], _Faults] = {}  # by module, GPU and stream
_of_graphs: weakref.WeakSet[_GraphFaults] = weakref.WeakSet()
_lock = threading.Lock()


def slot(op: str | None, index: Array, dim: int, size: int) -> tuple[Array, int]:
    """The array of slots and the number of the slot for a launch of `op` that takes `index` into `size` elements.

    Without `op` the number is -1: the index has been seen before, and the kernel has nothing to note.
    After `SLOTS` launches without a read, the last slot is shared.
    """

    def describe(at: str, bits: int) -> Exception:
        value = bits - 2**64 if bits >= 2**63 else bits
        return IndexRangeError(f"{op}: index {value}{at} is out of bounds for dimension {dim} with size {size}")

    return _slot(index, None if op is None else describe)


def range_slot(values: Array, text: str) -> tuple[Array, int]:
    """The same for a launch that looks whether `values` lie in a range; `text` says what is wrong if not."""

    def describe(at: str, bits: int) -> Exception:
        return out_of_range(text, struct.unpack("<d", struct.pack("<Q", bits))[0], at)

    return _slot(values, describe)


def out_of_range(text: str, value: float, at: str) -> ArgumentError:
    """The error for a number out of its range; `at` is that of `at_position`."""
    return ArgumentError(f"{text}; got {value}{at}")


def at_position(position: int, shape: tuple[int, ...]) -> str:
    """The words " at position (1, 2)" for the element of this number in an array of `shape`."""
    place = tuple(int(i) for i in np.unravel_index(position, shape)) if shape else ()
    return f" at position {place[0] if len(place) == 1 else place}" if place else ""


def _slot(array: Array, describe: Describe | None) -> tuple[Array, int]:
    cupy = array_module(array)
    with _lock:
        recording = capture.current()
        known = _of_stream(cupy, array) if recording is None else _of_graph(cupy, recording)
        if describe is None:
            return known.array, -1
        if len(known.launches) < SLOTS:
            known.launches.append((array.shape, describe))
        return known.array, len(known.launches) - 1


def _of_stream(cupy: Any, array: Array) -> _Faults:
    """The slots of the current stream, on the GPU of `array`."""
    stream = cupy.cuda.get_current_stream()
    key = cupy, array.device.id, stream.ptr
    if key not in _faults:
        _faults[key] = _Faults(cupy.full((SLOTS, WORDS), _EMPTY, np.uint64), stream)
    return _faults[key]


def _of_graph(cupy: Any, recording: capture.Capture) -> _GraphFaults:
    """The slots of the graph that is being recorded; they live as long as its notes."""
    found: _GraphFaults | None = recording.parts.get("bounds")
    if found is None:
        empty = np.full((SLOTS, WORDS), _EMPTY, np.uint64)
        stream = cupy.cuda.get_current_stream()
        found = recording.parts["bounds"] = _GraphFaults(recording.constant(cupy, empty), stream)
        recording.after.append(found.launched)
        _of_graphs.add(found)
    return found


def check() -> None:
    """Raise the error for what a kernel has met out of bounds since the last check. The device is idle."""
    if not _faults and not _of_graphs:
        return
    with _lock:
        errors = [faults.read() for faults in (*_faults.values(), *_of_graphs) if faults.launches]
    error = next((e for e in errors if e is not None), None)
    if error is not None:
        raise error


def _decoded(words: Any) -> tuple[int, int]:
    """Position and the 64 bits of the value from the three words of a slot."""
    position = int(words[0]) >> 24
    return position, sum((int(word) & 0xFFFFFF) << (24 * i) for i, word in enumerate(words)) & (2**64 - 1)


backend.on_synchronize(check)
