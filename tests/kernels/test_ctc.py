"""The kernels of loss/ctc.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional


def run():
    """Repeated labels, a sequence without, one of no steps."""
    x = gp.tensor(np.random.default_rng(0).normal(size=(5, 4, 3)), dtype=gp.float32, device="cuda", requires_grad=True)
    targets = gp.tensor([[1, 1, 2], [2, 1, 0], [0, 0, 0], [1, 0, 0]], device="cuda")
    y = F.ctc_loss(F.log_softmax(x, 2), targets, [5, 4, 3, 0], [3, 2, 0, 1], reduction="none", zero_infinity=True)
    y.sum().backward()
    return y, x.grad


def test_no_faults_and_no_order():
    check_kernels(run)


@pytest.mark.sweep
def test_many_orders():
    check_kernels(run, MANY)
