"""Arrays (B, H, rows, columns) as kernels take them: a run of memory, and the steps of batches, heads and rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order


class Laid(NamedTuple):
    """Memory, C-contiguous, and the steps of batch, head and row in elements."""

    memory: Array
    steps: tuple[int, int, int]


def laid(x: Array) -> Laid:
    """`x` (B, H, rows, columns) in its own memory if rows lie in one piece; what broadcasting repeats is not copied."""
    itemsize = x.dtype.itemsize
    repeated = [x.shape[axis] > 1 and x.strides[axis] == 0 for axis in range(3)]
    once = x[tuple([slice(0, 1) if again else slice(None) for again in repeated])]
    memory = once.transpose(memory_order(once))
    if not memory.flags.c_contiguous or (x.shape[3] > 1 and x.strides[3] != itemsize):
        once = memory = array_module(x).ascontiguousarray(once)
    batch, head, row = [0 if again else once.strides[axis] // itemsize for axis, again in enumerate(repeated)]
    return Laid(memory, (batch, head, row))


def empty_in_order_of(x: Array, shape: tuple[int, ...], xp: Any = None) -> Array:
    """A new array of `shape` and the dtype of `x`, whose first axes follow each other in memory as those of `x` do."""
    axes = (*[axis for axis in memory_order(x) if axis < 3], 3)
    memory = (xp or array_module(x)).empty([shape[axis] for axis in axes], x.dtype)
    return memory.transpose(sorted(range(4), key=axes.__getitem__))
