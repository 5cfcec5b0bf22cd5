"""A plugin of pytest that tells which kernels the tests in a thousand orders launch, without the thousand orders.

`python -m pytest -p tests.kernels.launched tests/kernels -m sweep --launched FILE` runs what each of them checks once,
and writes "file kernel" of each launch, a line each, to FILE.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpunn import emulator, kernels
from tests.kernels import orders

found: set[tuple[str, str]] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--launched", type=Path, required=True, metavar="FILE")


def pytest_configure() -> None:
    """Before any test file is read: they take the function out of the module."""
    orders.check_kernels = once


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that name the number of orders."""
    chosen = [item for item in items if isinstance(item, pytest.Function) and names_many(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def names_many(item: pytest.Function) -> bool:
    """Whether the test's own lines name MANY."""
    return "MANY" in item.function.__code__.co_names


def once(run: Callable[[], Any], orders: int) -> None:
    """What stands in for check_kernels: one run, whose launches are noted."""
    launch = kernels.launch

    def noted(file: str, kernel: str, threads: int, *args: Any, **options: Any) -> None:
        launch(file, kernel, threads, *args, **options)
        if threads > 0:
            found.add((file, kernel))

    with emulator.enable(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "launch", noted)
        run()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was launched."""
    session.config.getoption("--launched").write_text("".join(f"{file} {kernel}\n" for file, kernel in sorted(found)))
