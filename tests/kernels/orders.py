"""check_kernels: what kernels compute has no faults and depends on no order of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gpunn import backend, emulator
from tests.harness import as_tuple

FEW, MANY = 3, 1000  # random orders in the default run, and in the long one


def check_kernels(run: Callable[[], Any], orders: int = FEW) -> None:
    """`run()` computes on device "cuda" and returns tensors or arrays; check mode and any order give the same bits.

    In check mode the emulator raises for races, accesses out of bounds, uninitialised reads and the like. The random
    numbers that `run` draws must be seeded in it.
    """
    problem = emulator.compiler_problem()
    if problem is not None:
        pytest.skip(f"no emulator: {problem}")
    with emulator.enable(check=True):
        wanted = _on_host(run())
    for seed in range(orders):
        with emulator.enable(order="random", seed=seed):
            found = _on_host(run())
        for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
            assert a.tobytes() == b.tobytes(), f"result {i} differs in order {seed}: {a} and {b}"


def _on_host(results: Any) -> Sequence[np.ndarray[Any, Any]]:
    return [backend.asnumpy(getattr(x, "array", x)) for x in as_tuple(results)]
