"""The tiles that a convolution on tensor cores is cut into, and a model of the time that each choice takes.

The choices are those of the headers of kernels/conv/tensor.cu and pointwise.cu, which are the same. The model counts
waves of blocks, how many fit on a multiprocessor, and what each step costs in products, reads of shared memory and
fetches; it orders choices, and its seconds are no promise.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass
from typing import Final

from gpunn.kernels.source import kernel_file

FILE: Final = "conv/tensor"
POINTWISE: Final = "conv/pointwise"  # filters of one element
ROW: Final = 128  # bytes of products that a step takes of each position and each channel


@dataclass(frozen=True)
class Machine:
    """A GPU: its multiprocessors, what one of them has, and what it does in a second."""

    capability: int = 90
    multiprocessors: int = 132
    shared: int = 228 << 10  # bytes of shared memory
    registers: int = 65536
    threads: int = 2048
    products: float = 3.1e14  # multiply-adds of 16-bit elements of the whole GPU by mma.sync; half as many of tf32
    shared_bytes: float = 128 * 1.7e9  # read from shared memory, by one multiprocessor
    fetched_bytes: float = 5.5e12  # from the L2 cache, by the whole GPU
    moved_bytes: float = 3e12  # from and to its memory
    instructions: float = 132 * 128 * 1.7e9  # of single threads, by the whole GPU
    launch: float = 3e-6  # seconds until the next kernel works


@dataclass(frozen=True)
class Problem:
    """A convolution as matrix products: `positions` x `rows`, sums of `products`, in `groups` groups and parts."""

    positions: int
    rows: int
    products: int
    groups: int
    itemsize: int


@dataclass(frozen=True)
class Tile:
    """A configuration of conv/tensor: a block of BM positions by BN channels, warps of WM by WN."""

    BM: int
    BN: int
    WM: int
    WN: int
    STAGES: int
    BLOCK: int

    @property
    def constants(self) -> dict[str, int]:
        """What a launch asks for."""
        return asdict(self)

    @property
    def shared(self) -> int:
        """Bytes of dynamic shared memory."""
        return self.STAGES * (self.BM + self.BN) * ROW

    @property
    def registers(self) -> int:
        """Of a thread: what the launch bounds of the kernel leave, since it takes all of them."""
        beside = 2 if self.BLOCK == 256 else 3
        return 65536 // (beside * self.BLOCK) // 8 * 8

    def blocks(self, problem: Problem) -> int:
        """Tiles of the whole problem."""
        return -(-problem.positions // self.BM) * -(-problem.rows // self.BN) * problem.groups

    def resident(self, machine: Machine) -> int:
        """Blocks that a multiprocessor runs side by side; 0 if not even one fits."""
        static = 48 * self.BM  # positions and windows, 1 KB that CUDA takes
        return min(
            machine.shared // (self.shared + static + 1024),
            machine.registers // (self.registers * self.BLOCK),
            machine.threads // self.BLOCK,
        )

    def seconds(self, problem: Problem, machine: Machine) -> float:
        """The time that the model predicts; infinite if no block fits."""
        resident, blocks = self.resident(machine), self.blocks(problem)
        if resident == 0:
            return math.inf
        steps = -(-problem.products * problem.itemsize // ROW)
        depth = ROW // problem.itemsize  # products of a step
        waves = -(-blocks // (machine.multiprocessors * resident))
        full = min(resident, -(-blocks // machine.multiprocessors))  # blocks side by side in a wave
        rate = machine.products * 2 / problem.itemsize / machine.multiprocessors
        products = self.BM * self.BN * depth / rate
        warps = self.BLOCK // 32
        reads = warps * (self.WM + self.WN) * ROW / machine.shared_bytes
        fetches = (self.BM + self.BN) * ROW * machine.multiprocessors / machine.fetched_bytes
        step = max(full * max(products, reads, fetches), 5e-7 / self.STAGES)  # a fetch takes 0.5 us to arrive
        return waves * (steps + self.STAGES) * step


@functools.cache
def choices() -> tuple[Tile, ...]:
    """The tiles that conv/tensor is built for."""
    lines = [(names, words) for names, words in kernel_file(FILE).choices if "BM" in names]
    names, words = lines[0]
    return tuple(Tile(**dict(zip(names, map(int, word), strict=True))) for word in words)


@functools.lru_cache(maxsize=1024)
def ranked(problem: Problem, machine: Machine) -> tuple[Tile, ...]:
    """The choices, the fastest by the model first; those that do not fit the machine are left out."""
    timed = [(tile.seconds(problem, machine), tile) for tile in choices()]
    fitting = [(seconds, tile) for seconds, tile in timed if math.isfinite(seconds)]
    return tuple(tile for _, tile in sorted(fitting, key=lambda pair: pair[0]))
