"""A plugin of pytest for tests/kernels: `check_kernels(run)` runs on the GPU itself, `--gpu-runs` times, bit-equal.

`python -m pytest -p tests.gpu.on_gpu tests/kernels --gpu-runs 100`. Tests that do not call check_kernels are left out.
With `--gpu-guard` the memory of each run is filled and fenced (guard.py); with `--gpu-no-pool` each array is an
allocation of its own, so that compute-sanitizer sees its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gpunn import backend, emulator
from tests.gpu.guard import check_guarded
from tests.kernels import orders


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gpu-runs", type=int, default=2)
    parser.addoption("--gpu-guard", action="store_true")
    parser.addoption("--gpu-no-pool", action="store_true")
    parser.addoption("--gpu-rehearse", action="store_true", help="on the emulator")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test file is read: they take the function out of the module."""
    if config.getoption("--gpu-rehearse"):
        emulator.enable()
    runs, guard = config.getoption("--gpu-runs"), config.getoption("--gpu-guard")

    def check_kernels(run: Callable[[], Any], orders: int = 0) -> None:
        if guard:
            check_guarded(run)
        else:
            check_repeats(run, runs)

    orders.check_kernels = check_kernels
    if config.getoption("--gpu-no-pool"):
        backend.cuda_module().cuda.set_allocator(None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that call check_kernels, with the word for it in their code."""
    chosen = [item for item in items if calls_check_kernels(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def calls_check_kernels(item: pytest.Item) -> bool:
    """Whether the test's own lines call check_kernels."""
    return isinstance(item, pytest.Function) and "check_kernels" in item.function.__code__.co_names


def check_repeats(run: Callable[[], Any], runs: int) -> None:
    """All of `runs` runs give the same bits."""
    wanted = orders.on_host(run())
    for number in range(1, runs):
        for i, (a, b) in enumerate(zip(wanted, orders.on_host(run()), strict=True)):
            assert a.tobytes() == b.tobytes(), f"result {i} of run {number} differs: {a} and {b}"
