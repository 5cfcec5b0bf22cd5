"""`gpunn kernels --check`: the tests of one kernel on the emulated GPU, where every access of memory is checked.

For who edits a `.cu` file: needs a checkout of gpunn and a C++ compiler, no GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

from gpunn import emulator, kernels
from gpunn.cli.kernel_table import Named
from gpunn.emulator.settings import Current

ROOT: Final = Path(__file__).resolve().parents[2]  # of the checkout, if this is one
TESTS: Final = "tests"


def check(name: str, found: Sequence[Named]) -> int:
    """0 if the tests of these kernels pass and launch one of them in check mode; else 1, and stderr says why."""
    problem = problem_here()
    if problem is not None:
        return _no(problem)
    files = list({one.file.stem: one.file.text for one in found}.items())
    paths = list(dict.fromkeys(path for stem, text in files for path in tests_of(ROOT, stem, text)))
    if not paths:
        return _no(f"no tests are found for {', '.join(f'kernels/{stem}.cu' for stem, _ in files)}")
    print(f"pytest {' '.join(paths)} --device checked", flush=True)
    pytest: Any = importlib.import_module("pytest")
    counted = LaunchCounter()
    options = [f"--rootdir={ROOT}", f"--confcutdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), "--device", "checked"]
    code = int(pytest.main([*options, "--tb=short", *[str(ROOT / path) for path in paths]], plugins=[counted]))
    launches = sum(counted.launches[one.file.stem, one.kernel.name] for one in found)
    print(f"{launches} launches of {name} were checked")
    if code != 0:
        found_first = f"; the emulator's first report:\n{counted.report}" if counted.report else ""
        return _no(f"the tests fail{found_first}")
    return 0 if launches else _no(f"no test has launched {name} in check mode; write one that does")


def problem_here() -> str | None:
    """Why kernels cannot be checked here; None if they can."""
    if not ((ROOT / TESTS / "conftest.py").is_file() and (ROOT / "kernels").is_dir()):
        return f"--check runs gpunn's tests, and {ROOT} is no checkout: clone gpunn and `pip install -e .[test]` there"
    if importlib.util.find_spec("pytest") is None:
        return 'pytest is not installed: pip install -e ".[test]"'
    return emulator.compiler_problem()


def tests_of(root: Path, stem: str, text: str) -> list[str]:
    """The tests that launch the kernels of `kernels/<stem>.cu`: of its Python twins, and of the file itself."""
    twins = re.findall(r"gpunn((?:/\w+)+)", text.partition("\n")[0])
    places = [_mirrored(root, Path(module[1:])) for module in (*twins, f"/kernels/{stem}")]
    return list(dict.fromkeys(place.as_posix() for place in places if place is not None))


def _mirrored(root: Path, module: Path) -> Path | None:
    """The test of a module or folder of gpunn: tests/ops/test_pool.py, tests/ops/pool, or the family's test."""
    places = (
        Path(TESTS, module.parent, f"test_{module.name}.py"),
        Path(TESTS, module),
        Path(TESTS, module.parent.parent, f"test_{module.parent.name}.py"),
    )
    return next((place for place in places if (root / place).exists()), None)


class LaunchCounter:
    """A plugin of pytest: counts the launches in check mode, by file and kernel, and keeps the first report."""

    def __init__(self) -> None:
        self.launches: Counter[tuple[str, str]] = Counter()
        self.report = ""

    def pytest_sessionstart(self) -> None:
        """Count from here on."""
        self._launch = kernels.launch
        kernels.launch = self.counting(self._launch)

    def pytest_sessionfinish(self) -> None:
        """Count no more."""
        kernels.launch = self._launch

    def counting(self, launch: Callable[..., None]) -> Callable[..., None]:
        """`launch`, counted if it has raised nothing."""

        @wraps(launch)
        def counted(file: str, kernel: str, threads: int, *args: Any, **options: Any) -> None:
            try:
                launch(file, kernel, threads, *args, **options)
            except emulator.KernelError as error:
                self.report = self.report or str(error)
                raise
            if threads > 0 and emulator.enabled() and Current.settings.check:
                self.launches[file, kernel] += 1

        return counted


def _no(why: str) -> int:
    print(f"gpunn kernels: {why}", file=sys.stderr)
    return 1
