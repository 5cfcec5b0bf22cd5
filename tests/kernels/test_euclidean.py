"""The kernels of euclidean.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels


def cdist(n, m, d, dtype=gp.float32, batches=1):
    rng = np.random.default_rng(0)
    a, b = (gp.tensor(rng.normal(size=(batches, rows, d)), dtype=dtype, device="cuda") for rows in (n, m))
    b = gp.cat([b[:, :-1], a[:, :1]], 1)  # one distance is 0
    a, b = a.requires_grad_(), b.detach().requires_grad_()
    y = gp.cdist(a, b, compute_mode="use_mm_for_euclid_dist")
    y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()).reshape(y.shape), dtype=dtype, device="cuda"))
    return y.detach(), a.grad, b.grad


@pytest.mark.parametrize("sizes", [(3, 40, 70), (33, 5, 65), (9, 70, 66)])
def test_cdist(sizes):
    check_kernels(lambda: cdist(*sizes), 1)
    check_kernels(lambda: cdist(*sizes, gp.float16, 2), 1)


def infinite():
    """A row that is infinite, in the middle of the others too."""
    a = gp.tensor([[1.0, 2.0], [np.inf, 0.0], [3.0, np.nan]], device="cuda")
    y = gp.cdist(a, a, compute_mode="use_mm_for_euclid_dist")
    return np.where(np.isnan(y.cpu().numpy()), 1e9, y.cpu().numpy())  # NaNs have signs, which mean nothing


def mutation_runs():
    """What mutants have to pass."""
    return [lambda: cdist(9, 70, 66, batches=2), lambda: cdist(70, 3, 65), infinite]


@pytest.mark.sweep
def test_many_orders():
    check_kernels(lambda: cdist(9, 35, 65, batches=2), MANY)
