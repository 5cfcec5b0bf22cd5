"""The kernels of loss/pointwise.cu and loss/total.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from tests.kernels.orders import MANY, check_kernels, on_host

F = gp.nn.functional
NAMES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss", "hinge_loss"]


def run(name, n, reduction, dtype=gp.float32, **options):
    rng = np.random.default_rng(0)
    x, t = (gp.tensor(rng.uniform(0.1, 0.9, n), dtype=dtype, device="cuda", requires_grad=True) for _ in range(2))
    y = getattr(F, name)(x, t, reduction=reduction, **options)
    y.backward(gp.ones_like(y))
    return y, x.grad, t.grad


@pytest.mark.parametrize("name", NAMES)
def test_loss(name):
    check_kernels(lambda: run(name, 300, "none"), 1)
    check_kernels(lambda: run(name, 5000, "mean"), 1)


def weighted():
    """Weights that repeat, of elements and of positive targets."""
    own = gp.tensor(np.linspace(0, 1, 25), dtype=gp.float32, device="cuda")
    return run("binary_cross_entropy_with_logits", (12, 25), "mean", weight=own, pos_weight=own)


def test_weights():
    check_kernels(weighted)


@pytest.mark.parametrize("dtype", [gp.float32, gp.float16, gp.float64])
@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_memory_that_is_not_aligned(reduction, dtype):
    """Slices that start anywhere give the same bits, also sums: which elements a thread adds up depends on n alone."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5011))

    def slices(start):
        def sliced():
            at = slice(start, start + 5003)
            given = [gp.tensor(np.roll(v, start), dtype=dtype, device="cuda", requires_grad=True) for v in values]
            x, t = given
            y = F.kl_div(x[at], t[at], reduction=reduction)
            y.backward(y.detach()[...])
            return y, x.grad[at], t.grad[at]

        return sliced

    check_kernels(slices(1), 1)
    with emulator.enable():
        for a, b, c in zip(*[on_host(slices(start)()) for start in (0, 1, 3)], strict=True):
            assert a.tobytes() == b.tobytes() == c.tobytes()


def test_half_types():
    check_kernels(lambda: run("poisson_nll_loss", 301, "sum", gp.float16, full=True))


@pytest.mark.sweep
def test_many_orders():
    check_kernels(lambda: run("smooth_l1_loss", 5000, "mean"), MANY)
