"""The kernels of loss/ctc.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional


def run():
    """Repeated labels, a sequence without, one of no steps; in rows, and one after the other."""
    values = np.random.default_rng(0).normal(size=(5, 4, 3))
    inputs, counts = [4, 3, 0, 5], [2, 0, 1, 3]
    results = []
    for labels in ([[2, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 2]], [2, 1, 1, 1, 1, 2]):
        for given in (counts, gp.tensor(counts, device="cuda")):
            x = gp.tensor(values, dtype=gp.float32, device="cuda", requires_grad=True)
            logp, targets = F.log_softmax(x, 2), gp.tensor(labels, device="cuda")
            y = F.ctc_loss(logp, targets, inputs, given, reduction="none", zero_infinity=True)
            y.sum().backward()
            results += [y, x.grad]
    return results


def test_no_faults_and_no_order():
    check_kernels(run)


@pytest.mark.sweep
def test_many_orders():
    check_kernels(run, MANY)
