"""What judges the mutants of the kernels of sums, scans and their like."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn.kernels import source
from tests.emulator.launching import Kernels
from tests.kernels import test_reduce as reduce
from tests.kernels import test_sums as sums
from tests.kernels.mutation_runs.run import Run


def _reductions() -> Any:
    """All of reduce.cuh over some threads, several warps and what is no number."""
    launch = Kernels(reduce.TEXT, options=[f"-I{source.KERNEL_DIR}"])
    rng, block, lengths = np.random.default_rng(3), 96, np.array([1, 33, 700, 1025, 300], np.int32)
    x, whole = reduce.numbers("float"), rng.integers(-9, 9, block).astype(np.int32)
    found: list[Any] = []
    for values in (x, np.where(np.arange(len(x)) % 290 == 289, np.float32(np.nan), x), np.where(x == 4, np.inf, x)):
        out = np.zeros((len(lengths), 8)), np.zeros(1, np.int32)
        found += launch("reduce_float", *out, values, lengths, np.int32(3), threads=block, blocks=len(lengths))[:2]
    found.append(launch("scans", np.zeros((3, block, 3), np.int64), whole, np.int32(3), threads=block)[0])
    pairs = rng.integers(-2, 3, (block, 2)).astype(np.int32)
    found.append(launch("compositions", np.zeros((block, 4), np.int32), pairs, threads=block)[0])
    return tuple(found)


RUNS: dict[str, list[Run]] = {
    "reduce.cuh": [_reductions],
    "reduction/sums.cu": sums.mutation_runs(),
}
