"""`gpunn steps`: takes training steps apart, by the benchmarks' module of that name."""

from __future__ import annotations

from collections.abc import Sequence

from gpunn.cli import bench


def main(argv: Sequence[str]) -> int:
    """The exit code of `steps.main(argv)` of the benchmarks; 1 if this installation has none."""
    return bench.run("steps", argv)
