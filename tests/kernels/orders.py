"""check_kernels: what kernels compute has no faults and depends on no order of threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from gpunn import backend, emulator
from gpunn.kernels import prepared
from tests.harness import as_tuple

FEW, MANY = 3, 1000  # random orders in the default run, and in the sweep
SMALL_GRID = 2  # blocks: the loops of the kernels go round


def check_kernels(run: Callable[[], Any], orders: int = FEW) -> None:
    """`run()` computes on device "cuda" and returns tensors or arrays; check mode and any order give the same bits.

    In check mode the emulator raises for races, accesses out of bounds, uninitialised reads and the like. It runs once
    as launched and once on a few blocks, each of which must do the work of many. Of many orders, all but the first few
    are taken launch by launch, each from the same memory: what every launch leaves in every array is then the same,
    which is more than equal results. The random numbers that `run` draws must be seeded in it.
    """
    problem = emulator.compiler_problem()
    if problem is not None:
        pytest.skip(f"no emulator: {problem}")
    with emulator.enable(check=True):
        wanted = on_host(run())
        with small_grid():
            _compare(wanted, on_host(run()), f"{SMALL_GRID} blocks")
    for seed in range(min(orders, FEW)):
        with emulator.enable(order="random", seed=seed):
            _compare(wanted, on_host(run()), f"order {seed}")
    if orders > FEW:
        with emulator.enable(order="random", seed=FEW, orders=orders - FEW):
            _compare(wanted, on_host(run()), f"orders {FEW} to {orders - 1} of each launch")


@contextlib.contextmanager
def small_grid() -> Iterator[None]:
    """Launches have at most `SMALL_GRID` blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "MAX_BLOCKS", SMALL_GRID)
        yield


def on_host(results: Any) -> Sequence[np.ndarray[Any, Any]]:
    """What a run returned, as NumPy arrays."""
    return [backend.asnumpy(getattr(x, "array", x)) for x in as_tuple(results)]


def _compare(wanted: Sequence[np.ndarray[Any, Any]], found: Sequence[np.ndarray[Any, Any]], how: str) -> None:
    for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
        assert a.tobytes() == b.tobytes(), f"result {i} differs with {how}: {a} and {b}"
