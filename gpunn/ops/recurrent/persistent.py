"""All steps of a layer in one launch, where the weights fit into the shared memory of the GPU.

Step by step, a layer costs a GEMM and a kernel for each step, and a small GEMM is mostly waiting: for the host, and for
the weights to come from memory once more. Here each block keeps the weights of a few units for all steps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from gpunn import backend, kernels
from gpunn.backend import Array, array_module
from gpunn.ops.recurrent.cells import Cell
from gpunn.ops.recurrent.steps import Steps

UNITS: Final = (4, 8)  # of a block: the choices of the kernels
BLOCK: Final = 256
PADDED: Final = 32  # a row of weights is filled up to a multiple of this
# In each step a block may add so many products, and all blocks may read so many bytes. A multiprocessor does about 10¹¹
# products a second at half its peak, and the cache of an H100 gives about 4 TB/s: each takes 10 µs, about what the host
# needs to launch a GEMM and a kernel. Estimates, not measured.
MOST_PRODUCTS: Final = 1 << 20
MOST_BYTES: Final = 40 << 20


class Limits(NamedTuple):
    """Of a GPU."""

    multiprocessors: int
    shared: int  # bytes that a block can have


class Size(NamedTuple):
    """Of a layer: its vectors are the states (hidden) forward, the gradients of the gates (gates · hidden) back."""

    hidden: int
    gates: int
    is_back: bool

    @property
    def length(self) -> int:
        """Of the vectors that every block reads in every step."""
        return self.hidden * (self.gates if self.is_back else 1)

    def shared(self, count: int, itemsize: int) -> int:
        """Bytes of shared memory of a block with `count` units."""
        rows = count * (1 if self.is_back else self.gates)
        return rows * -(-self.length // PADDED) * PADDED * itemsize


def units(steps: Steps, size: Size, dtype: Any, limits: Limits) -> int | None:
    """The units of a block; None where the layer goes step by step: long steps, or weights that do not fit."""
    if len(steps.sizes) < 2 or steps.batch == 0 or dtype == np.float64:
        return None
    for count in UNITS:
        blocks = -(-size.hidden // count)
        fits = blocks <= limits.multiprocessors and size.shared(count, dtype.itemsize) <= limits.shared
        products = steps.batch * size.hidden * size.gates * count
        read = steps.batch * size.length * dtype.itemsize * blocks
        if fits and products <= MOST_PRODUCTS and read <= MOST_BYTES:
            return count
    return None


def units_on(array: Array, cell: Cell, steps: Steps, is_back: bool) -> int | None:
    """`units` for a layer with the gates `array`, (rows, gates · hidden), on the GPU that it is on."""
    size = Size(array.shape[1] // cell.gates, cell.gates, is_back)
    return units(steps, size, array.dtype, _limits(array_module(array), array.device.id))


def forward(
    cell: Cell,
    steps: Steps,
    count: int,
    written: tuple[Array, Any, Any],
    gates: Array,
    first: Array,
    memory: Any,
    weight: Array,
    bias: Any,
    keeps: bool,
) -> None:
    """Write the states, memories and what backward needs of all steps, with `count` units a block."""
    read = (gates, first, memory, weight, bias)
    numbers = [keeps] if cell.keeps else []
    _launch("recurrent/persistent", f"{cell.name}_forward", cell, steps, count, written, read, numbers)


def backward(
    cell: Cell,
    steps: Steps,
    count: int,
    written: tuple[Array, Any, Array, Any],
    to_y: Array,
    trace: tuple[Any, Any, Any],
    before: tuple[Array, Any],
    weight: Array,
) -> None:
    """Write the gradients of all gates, and of the first states and memories over those of the last.

    `written`: to_input, to_hidden if it is another array, carry, to_memory. `trace`: kept, states, memories.
    """
    kept, y, memory = trace
    states = (before[0],) if cell.splits else () if cell.has_memory else (y,)  # that the formula asks for
    read = (to_y, kept, *states, memory, before[1], weight)
    _launch("recurrent/persistent_back", f"{cell.name}_backward", cell, steps, count, written, read, [])


def _launch(
    file: str,
    kernel: str,
    cell: Cell,
    steps: Steps,
    count: int,
    written: tuple[Any, ...],
    read: tuple[Any, ...],
    numbers: list[Any],
) -> None:
    """Launch one block for `count` units; arrays that are None are no parameters."""
    is_back = file.endswith("back")
    gates = written[0] if is_back else read[0]  # (rows, gates · hidden)
    xp, rows = array_module(gates), len(gates)
    size = Size(gates.shape[1] // cell.gates, cell.gates, is_back)
    arrays = [*written, xp.zeros(1, np.uint64), *read, _starts(xp, gates.device.id, steps.sizes)]
    kernels.launch(
        file,
        kernel,
        -(-size.hidden // count) * BLOCK,
        [
            *[a for a in arrays if a is not None],
            *(steps.is_reverse, len(steps.sizes), size.hidden),
            *numbers,
            rows * size.hidden,
        ],
        {"UNITS": count},
        size.shared(count, gates.dtype.itemsize),
    )


@lru_cache(maxsize=16)
def _limits(cupy: Any, number: int) -> Limits:
    properties = cupy.cuda.runtime.getDeviceProperties(number)
    return Limits(int(properties["multiProcessorCount"]), int(properties["sharedMemPerBlockOptin"]))


@lru_cache(maxsize=64)
def _starts(cupy: Any, number: int, sizes: tuple[int, ...]) -> Array:
    """The first row of each step, and the number of all rows, on a GPU."""
    with backend.placed_on(backend.device("cuda", number)):
        starts = cupy.asarray(np.cumsum([0, *sizes], dtype=np.int64))
        cupy.cuda.get_current_stream().synchronize()  # it may be used on other streams
    return starts
