"""What a kernel found out of bounds, told to the user when the host next waits for the device.

A kernel that takes indices cannot raise. It does not use an index that is out of bounds, and notes it in a slot that
the launch has for itself; of several offenders the one at the lowest position stays, in any order of threads. The
slots are read after the next copy to the host or `synchronize()`, and the first offender becomes an IndexRangeError.

```
faults, slot = bounds.slot("embedding", index, size)
kernels.launch("embedding", "embedding_forward", n, (y, table, index, …, faults, slot))
```
"""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.errors import IndexRangeError

SLOTS: Final = 256  # launches between two reads that are told apart
WORDS: Final = 3  # of a slot: position << 24 | 24 bits of the value each, the lowest bits first
_EMPTY: Final = np.uint64(2**64 - 1)


class _Faults:
    """The slots of one GPU, and what the host knows of the launches that they belong to."""

    def __init__(self, cupy: Any) -> None:
        self.array = cupy.full((SLOTS, WORDS), _EMPTY, np.uint64)
        self.launches: list[tuple[str, tuple[int, ...], int, int]] = []  # op, shape of the index, dimension, size

    def read(self) -> str | None:
        """The text for the first offender of all launches since the last read; forgets them."""
        launches, self.launches = self.launches, []
        words = self.array.get()
        found = np.flatnonzero(words[: len(launches), 0] != _EMPTY)
        if not len(found):
            return None
        self.array.fill(_EMPTY)
        op, shape, dim, size = launches[found[0]]
        position, value = _decoded(words[found[0]])
        place = tuple(int(i) for i in np.unravel_index(position, shape)) if shape else ()
        at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        return f"{op}: index {value}{at} is out of bounds for dimension {dim} with size {size}"


_faults: dict[tuple[Any, int], _Faults] = {}
_lock = threading.Lock()


def slot(op: str | None, index: Array, dim: int, size: int) -> tuple[Array, int]:
    """The array of slots and the number of the slot for a launch of `op` that takes `index` into `size` elements.

    Without `op` the number is -1: the index has been seen before, and the kernel has nothing to note.
    After `SLOTS` launches without a read, the last slot is shared.
    """
    cupy = array_module(index)
    with _lock:
        known = _faults.get((cupy, index.device.id))
        if known is None:
            known = _faults[cupy, index.device.id] = _Faults(cupy)
        if op is None:
            return known.array, -1
        if len(known.launches) < SLOTS:
            known.launches.append((op, index.shape, dim, size))
        return known.array, len(known.launches) - 1


def check() -> None:
    """Raise IndexRangeError if a kernel has met an index out of bounds since the last check. The device is idle."""
    if not _faults:
        return
    with _lock:
        texts = [faults.read() for faults in _faults.values() if faults.launches]
    text = next((t for t in texts if t is not None), None)
    if text is not None:
        raise IndexRangeError(text)


def _decoded(words: Any) -> tuple[int, int]:
    """Position and value from the three words of a slot."""
    position = int(words[0]) >> 24
    value = sum((int(word) & 0xFFFFFF) << (24 * i) for i, word in enumerate(words)) & (2**64 - 1)
    return position, value - 2**64 if value >= 2**63 else value


backend.on_synchronize(check)
