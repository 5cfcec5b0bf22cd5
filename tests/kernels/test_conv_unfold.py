"""The kernels of unfold and fold in check mode, and in any order of threads. Shapes are ragged and tiny."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import distinct
from tests.kernels.orders import MANY, check_kernels

# size, kernel, dilation, padding, stride
CASES = {
    "plain": ((5, 4), (2, 3), 1, 0, 1),
    "all": ((5, 7), (3, 2), (2, 1), (1, 2), (1, 2)),
    "gaps": ((4, 6), (1, 2), (1, 3), (0, 1), (3, 2)),
}
DTYPES = {"plain": gp.float32, "all": gp.float64, "gaps": gp.float16}


def columns_and_back(name, channels=8):
    """A run: the columns of images, and what fold makes of columns with other numbers; arrays."""
    size, *settings = CASES[name]

    def run():
        rng = np.random.default_rng(0)
        x = gp.tensor(distinct((2, channels, *size), rng).astype(DTYPES[name].numpy), device="cuda")
        columns = F.unfold(x, *settings)
        other = gp.tensor(distinct(tuple(columns.shape), rng).astype(DTYPES[name].numpy), device="cuda")
        return columns.array, F.fold(other, size, *settings).array

    return run


RUNS = {name: columns_and_back(name) for name in CASES}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)
