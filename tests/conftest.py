"""Fixtures: a test that takes `device` runs on NumPy, on the emulated GPU, and on the real one if there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from gpunn import backend, emulator

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("gpunn", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gpunn")


@pytest.fixture(params=["cpu", "emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the device to test on: "cpu", or "cuda", which is emulated or real."""
    if request.param == "cpu":
        yield "cpu"
    elif request.param == "emulated":
        with emulator.enable():
            yield "cuda"
    else:
        problem = backend.cuda_problem()
        if problem is not None:
            pytest.skip(f"no GPU: {problem}")
        yield "cuda"
