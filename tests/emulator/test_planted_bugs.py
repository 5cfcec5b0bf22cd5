"""Check mode reports each planted bug, with its kind, line and variable, and says nothing about the correct twin."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.namespace import cupy
from tests.emulator.launching import needs_compiler
from tests.emulator.planted_bugs import ALL, Bug, kernels

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def modules():
    return {is_bug: cupy.RawModule(code=kernels(ALL, is_bug)) for is_bug in (True, False)}


def launch(modules, bug: Bug, is_bug: bool, order: str = "random", seed: int = 0):
    x = cupy.asarray(np.arange(1, bug.size + 1, dtype=np.float32))
    if bug.name in ("sum_without_atomics", "last_block_without_fence"):
        y = cupy.zeros(bug.size, np.float32)
    else:
        y = cupy.empty(bug.size, np.float32)
    arrays = (y, x)
    if "rows" in bug.parameters:
        arrays = (cupy.asarray(np.array([x.data.ptr, y.data.ptr])),)
    time_limit = 0.3 if bug.kind == "time limit" and is_bug else 60
    with emulator.enable(check=True, order=order, seed=seed, time_limit=time_limit):
        kernel = modules[is_bug].get_function(bug.name)
        kernel((bug.grid,), (bug.block,), (*arrays, np.int32(bug.size)), shared_mem=bug.shared)


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_bug_is_reported(bug, order, modules):
    with pytest.raises(emulator.KernelError) as caught:
        launch(modules, bug, True, order)
    place = f"{bug.name}.cu:{bug.line}"
    found = [
        report
        for report in caught.value.reports
        if (report.kind, report.variable) == (bug.kind, bug.variable)
        and (report.place == place or (bug.kind == "race" and f"at {place} " in report.text))  # a race has two lines
    ]
    assert found, str(caught.value)
    assert re.search(r", thread \(\d+, 0, 0\), block \(\d, 0, 0\)$", found[0].text)


def test_every_class_of_fault_is_planted():
    """Wrong numbers and types of arguments are found before a kernel runs: test_arguments.py."""
    planted = {(bug.kind, bug.variable) for bug in ALL}
    assert len(ALL) >= 40
    assert {("race", "tile"), ("race", "y"), ("out of bounds", "tile"), ("out of bounds", "y")} <= planted
    assert {("uninitialised", "tile"), ("uninitialised", "y"), ("misaligned", "x"), ("cp.async", "tile")} <= planted
    assert {("divergent barrier", ""), ("deadlock", ""), ("barrier after exit", ""), ("time limit", "")} <= planted


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_twin_is_not(bug, order, modules):
    launch(modules, bug, False, order)
