"""The pieces of the table of `gpunn kernels --list`; test_kernels.py has the whole."""

import pytest

from gpunn.cli.kernel_table import Measured, Named, types
from gpunn.kernels.nvrtc import Resources
from gpunn.kernels.source import parse

TEXT = """\
// Played. Twin: gpunn/kernels.
// (T, SIZE): (float, 1), (__half, 2), (float, 4)
// I: int, unsigned int
// OP: Add, Multiply
// BLOCK: 64
extern "C" __global__ void pick(T* y, const T* x, const I* places, I n) {}
extern "C" __global__ void count(int* y, int n) {}
"""
FILE = parse("played", TEXT)


@pytest.mark.parametrize(("kernel", "expected"), [("pick", "T: float, __half; I: int, unsigned int"), ("count", "-")])
def test_types_are_those_of_the_parameters(kernel, expected):
    assert types(Named(FILE, FILE.kernels[kernel])) == expected


PICK = Named(FILE, FILE.kernels["pick"])
TAKEN = {
    ("played", "a", "pick"): Resources(24, shared=0, stack=8, spill_stores=4, spill_loads=12),
    ("played", "b", "pick"): Resources(40, shared=128, stack=8),
    ("played", "a", "count"): Resources(99),
}


@pytest.mark.parametrize(
    ("measured", "labels", "expected"),
    [
        (Measured(90, None, TAKEN), ["a"], ("24", "0", "8", "12")),
        (Measured(90, None, TAKEN), ["a", "b"], ("24-40", "0-128", "8", "0-12")),
        (Measured(90, None, TAKEN), ["a", "c"], ("24", "0", "8", "12")),
        (Measured(90, None, TAKEN), ["c"], ("refused", "-", "-", "-")),
        (Measured(70, None, TAKEN), ["a"], ("from sm_75", "-", "-", "-")),
        (Measured(90, "no NVRTC"), ["a"], ("-", "-", "-", "-")),
    ],
)
def test_cells(measured, labels, expected):
    assert measured.cells(PICK, labels) == expected
