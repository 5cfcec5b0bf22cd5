"""What judges the mutants of the kernels of pooling."""

from __future__ import annotations

from tests.kernels import test_pool as pool
from tests.kernels.mutation_runs.run import Run


def _pool(*words: str, but: tuple[str, ...] = ()) -> list[Run]:
    names = [
        name for name in pool.RUNS if any(word in name for word in words) and not any(word in name for word in but)
    ]
    return [pool.RUNS[name] for name in names]


RUNS: dict[str, list[Run]] = {
    "pool/average.cu": _pool("av"),
    "pool/maximum.cu": _pool("max", "gather, many", "indices", but=("300", "halves")),
    "pool/median.cu": _pool("median"),
    "pool/power.cu": _pool("lp", "power"),
    "pool/sums.cuh": _pool("av", "power"),
    "pool/unpool.cu": _pool("unpool"),
    "pool/windows.cuh": _pool("median", "average", "power", "adaptive", "max", but=("300", "halves", "indices")),
}
