"""`gpunn bench`: runs the benchmarks, which are gpunn/_benchmarks in a wheel, benchmarks in a checkout."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str]) -> int:
    """The exit code of `runner.main(argv)` of the benchmarks; 1 if this installation has none."""
    return run("runner", argv)


def run(module: str, argv: Sequence[str]) -> int:
    """The exit code of `main(argv)` of a module of the benchmarks; 1 if this installation has none."""
    if (PACKAGE / "_benchmarks" / "runner.py").is_file():
        name = f"{PACKAGE.name}._benchmarks"
    elif (PACKAGE.parent / "benchmarks" / "runner.py").is_file():
        name = "benchmarks"
        sys.path.insert(0, str(PACKAGE.parent))  # first: other projects have a folder of this name too
    else:
        print(f"gpunn: no benchmarks beside or inside {PACKAGE}; install gpunn again", file=sys.stderr)
        return 1
    code: int = importlib.import_module(f"{name}.{module}").main(list(argv))
    return code
