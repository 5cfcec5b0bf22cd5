"""Fixtures: a test that takes `device` runs on NumPy, on the emulated GPU, and on the real one if there is one.

`--device` picks one: "cpu", "emulated", "checked" (the emulated GPU, every access of its kernels checked), "cuda".
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from gpunn import backend, emulator, kernels
from gpunn.emulator.compiler import NoCompilerError

DEVICES = ("cpu", "emulated", "checked", "cuda")
USUAL = ("cpu", "emulated", "cuda")

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("gpunn", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gpunn")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=DEVICES, help=f"where to compute; tests: {', '.join(USUAL)}; oracle: cpu")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--device")
        names = USUAL if chosen is None else (chosen,)
        marks = {"cuda": [pytest.mark.gpu]}
        metafunc.parametrize("device", [pytest.param(n, marks=marks.get(n, [])) for n in names], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """Skip a test that comes to a kernel where there is no C++ compiler, and say so."""
    try:
        return (yield)
    except NoCompilerError:
        problem = emulator.compiler_problem()
        if problem is None:  # it was planted
            raise
        pytest.skip(f"no emulator: {problem}")


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the device to test on: "cpu", or "cuda", which is emulated or real."""
    with computing_on(request.param):
        yield "cpu" if request.param == "cpu" else "cuda"


@contextlib.contextmanager
def computing_on(name: str) -> Iterator[None]:
    """Let "cuda" be what `name` of DEVICES says; skip the test, and say why, where that cannot be."""
    if name in ("emulated", "checked"):
        problem = emulator.compiler_problem()
        if problem is not None:
            pytest.skip(f"no emulator: {problem}")
        with emulator.enable(check=name == "checked"):
            yield
            backend.synchronize()  # an index out of bounds that nobody has seen is an error of this test
        return
    problem = backend.cuda_problem() if name == "cuda" else None
    if problem is not None:
        pytest.skip(f"no GPU: {problem}")
    yield
    backend.synchronize()


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that are launched."""
    names: list[str] = []
    launch = kernels.launch

    def note(file: str, kernel: str, *args: Any) -> None:
        names.append(kernel)
        launch(file, kernel, *args)

    monkeypatch.setattr(kernels, "launch", note)
    return names
