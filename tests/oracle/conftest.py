"""The oracle runs on request only: `make oracle`, or `pytest tests/oracle -k softmax`. It needs PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gpunn as gp
from tests.conftest import computing_on
from tests.oracle import scores

HERE = Path(__file__).parent
MISSING = importlib.util.find_spec("torch") is None
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every", action="store_true", help="oracle: all samples, not up to 100 of each operation")


def pytest_configure(config: pytest.Config) -> None:
    """A folder that is named on the command line is meant: drop the default deselection of its tests."""
    named = any(Path(arg.split("::")[0]).resolve().is_relative_to(HERE) for arg in config.args)
    if named and config.option.markexpr == "not oracle and not long and not sweep":
        config.option.markexpr = "oracle"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import PyTorch in a run that leaves the oracle out."""
    wanted = "oracle" in config.option.markexpr.replace("not oracle", "")
    return None if wanted or collection_path.suffix != ".py" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.oracle)


@pytest.fixture(scope="session", autouse=True)
def chosen_device(request: pytest.FixtureRequest) -> Iterator[None]:
    """gpunn computes where --device says; PyTorch always on the CPU."""
    from tests.oracle.bridge import Twins

    name = request.config.getoption("--device") or "cpu"
    with computing_on(name):
        Twins.device = "cpu" if name == "cpu" else "cuda"
        gp.set_default_device(Twins.device)
        yield
        gp.set_default_device("cpu")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> scores.Tally:
    """Counts the checks of one test; `with tally:` reports them and fails if one failed."""
    return scores.Tally(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> Iterator[Any]:
    scores.collect(report)
    return (yield)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if MISSING:
        terminalreporter.line('tests/oracle left out: PyTorch is not installed (pip install "gpunn[oracle]")')
    elif not hasattr(config, "workerinput"):
        scores.summarise(terminalreporter, config.rootpath / "build" / "oracle.json")
