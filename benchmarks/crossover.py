"""The batch from which the GPU is faster than the CPU."""

from __future__ import annotations

import math

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def crossover(cpu: dict[int, float], gpu: dict[int, float]) -> int | None:
    """The smallest batch from which on the GPU takes less time, given the seconds by batch; None if there is none.

    Between two measured batches the logarithm of the ratio is taken as linear in the logarithm of the batch.
    """
    both = sorted(set(cpu) & set(gpu))
    lead = {n: math.log(cpu[n] / gpu[n]) for n in both}  # > 0: the GPU is ahead
    winning: int | None = None
    for n in reversed(both):
        if lead[n] <= 0:
            break
        winning = n
    if winning is None or winning == both[0]:
        return winning
    before = both[both.index(winning) - 1]
    part = -lead[before] / (lead[winning] - lead[before])
    return math.ceil(math.exp(math.log(before) + part * math.log(winning / before)) - 1e-9)


def words(sweep: dict[str, dict[int, float]], name: str = "cuda") -> str:
    """The crossover of the CPU and the place `name` as tables show it; "not measured" without both."""
    cpu, gpu = sweep.get("cpu", {}), sweep.get(name, {})
    both = set(cpu) & set(gpu)
    if not both:
        return "not measured"
    found = crossover(cpu, gpu)
    if found is None:
        return f"above {max(both)}"
    return f"{found}" if found > min(both) else f"{found} or less"
