"""What judges the mutants of the kernels of special functions and of arithmetic."""

from __future__ import annotations

from tests.kernels import test_arithmetic as arithmetic
from tests.kernels.mutation_runs.run import Run

RUNS: dict[str, list[Run]] = {
    "arithmetic/bessel.cu": arithmetic.family("bessel"),
    "arithmetic/binary.cu": arithmetic.family("binary"),
    "arithmetic/double.cuh": arithmetic.family("bessel"),
    "arithmetic/error_function.cu": arithmetic.family("error_function"),
    "arithmetic/gamma.cu": arithmetic.family("gamma"),
    "arithmetic/slopes.cu": arithmetic.family("slopes"),
}
