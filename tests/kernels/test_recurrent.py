"""The kernels of recurrent layers in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels
from tests.ops.test_recurrent import op, shapes

RUNS = [  # cell, rows of the steps, dtype
    ("lstm", (3, 2, 2), "float32"),
    ("lstm", (2, 2), "float16"),
    ("gru", (3, 3, 1), "float32"),
    ("gru", (2, 2), "bfloat16"),
    ("tanh", (3, 1), "float64"),
    ("relu", (3, 1), "float32"),
]


def results(name, sizes, dtype):
    """Outputs and gradients."""
    rng = np.random.default_rng(0)
    leaves = [
        gp.tensor(rng.uniform(-1, 1, shape), dtype=getattr(gp, dtype), device="cuda", requires_grad=True)
        for shape in shapes(name, sizes)
    ]
    y, *last = op(name, sizes, True)(*leaves)
    (y.sum() + (last[0] * last[0]).sum()).backward()
    return y.detach(), *[t.detach() for t in last], *[t.grad for t in leaves if t.grad is not None]


@pytest.mark.parametrize(("name", "sizes", "dtype"), RUNS)
def test_no_faults_in_any_order(name, sizes, dtype):
    check_kernels(lambda: results(name, sizes, dtype))


@pytest.mark.long
@pytest.mark.parametrize(("name", "sizes", "dtype"), RUNS)
def test_no_faults_in_a_thousand_orders(name, sizes, dtype):
    check_kernels(lambda: results(name, sizes, dtype), orders=MANY)
