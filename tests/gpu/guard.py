"""Fences around every allocation, and fills that show what was never written: where compute-sanitizer cannot run.

A kernel that writes past an array changes a fence. One that leaves an element unwritten, or reads one before, gives
two results when all new memory is filled with two different bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gpunn import backend
from tests.kernels.orders import on_host

FENCE = 512  # bytes on either side, which keeps the alignment of CuPy's memory
FENCE_BYTE = 0xA5
FILLS = (0x00, 0xFF, 0x7B)  # zeros, NaN, and a large number in any floating type


class Guard:
    """An allocator for CuPy that fills and fences; nothing it gave is freed before `check()`."""

    def __init__(self, cupy: Any, fill: int) -> None:
        self._cupy, self._fill = cupy, fill
        self._allocate = cupy.get_default_memory_pool().malloc
        self._given: list[tuple[Any, int]] = []

    def malloc(self, size: int) -> Any:
        """`size` bytes between two fences."""
        whole = self._allocate(size + 2 * FENCE)
        stream = self._cupy.cuda.get_current_stream()
        whole.memset_async(FENCE_BYTE, size + 2 * FENCE, stream)
        inner = whole + FENCE
        if size:
            inner.memset_async(self._fill, size, stream)
        self._given.append((whole, size))
        return inner

    def check(self) -> int:
        """Assert that all fences stand; how many allocations there were."""
        self._cupy.cuda.runtime.deviceSynchronize()
        given, self._given = self._given, []
        for number, (whole, size) in enumerate(given):
            for name, start in (("before", -FENCE), ("behind", size)):
                fence = self._cupy.ndarray((FENCE,), np.uint8, memptr=whole + (FENCE + start)).get()
                hurt = np.flatnonzero(fence != FENCE_BYTE)
                text = f"allocation {number} of {size} bytes: {len(hurt)} bytes {name} it were written"
                assert not len(hurt), f"{text}, the first at {start + hurt[0]:+d}"
        return len(given)


@contextlib.contextmanager
def guarded(fill: int) -> Iterator[Guard]:
    """Let CuPy allocate through a Guard; its fences are checked at the end."""
    cupy = backend.cuda_module()
    guard = Guard(cupy, fill)
    cupy.cuda.set_allocator(guard.malloc)
    try:
        yield guard
        guard.check()
    finally:
        cupy.cuda.set_allocator(cupy.get_default_memory_pool().malloc)


def check_guarded(run: Callable[[], Any]) -> None:
    """`run()` leaves all fences as they were, and its results do not depend on what was in memory before."""
    wanted = None
    for fill in FILLS:
        with guarded(fill):
            found = on_host(run())
        wanted = found if wanted is None else wanted
        for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
            assert a.tobytes() == b.tobytes(), f"result {i} depends on what was in memory: {a} and {b}"
