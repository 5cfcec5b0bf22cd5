"""The kernels of loss/pointwise.cu and loss/total.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.ops.loss.formulas import CosineEmbedding
from gpunn.ops.loss.pointwise import pointwise
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


def mutation_runs():
    """All formulas where they change, weights, and the sums of many elements: what mutants have to pass."""
    numbers, shares = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0], [0.0, 1e-13, 0.25, 0.5, 1.0]
    each = [
        ("mse_loss", numbers, {}),
        ("l1_loss", numbers, {}),
        ("smooth_l1_loss", numbers, {"beta": 0.5}),
        ("huber_loss", numbers, {"delta": 0.5}),
        ("binary_cross_entropy", shares, {}),
        ("binary_cross_entropy_with_logits", numbers, {"pos_weight": 3.0}),
        ("kl_div", shares, {}),
        ("kl_div", numbers, {"log_target": True}),
        ("hinge_embedding_loss", numbers, {}),
        ("soft_margin_loss", numbers, {}),
        ("hinge_loss", numbers, {}),
        ("cosine", numbers, {}),
        ("poisson_nll_loss", shares, {"log_input": False, "full": True}),
        ("poisson_nll_loss", numbers, {"full": True}),
    ]

    def at_kinks(name, values, options):
        x, t = (gp.tensor(a.ravel(), dtype=gp.float32) for a in np.meshgrid(values, values))
        x, t = x.to("cuda").requires_grad_(), t.to("cuda").requires_grad_()
        given = {k: gp.tensor([v], device="cuda") if k == "pos_weight" else v for k, v in options.items()}
        if name == "cosine":  # whose function takes vectors
            y = pointwise(CosineEmbedding(0.5), x, t, "none")
        else:
            y = getattr(F, name)(x, t, reduction="none", **given)
        y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()), dtype=gp.float32, device="cuda"))
        return y.detach(), x.grad, t.grad

    kinks = [lambda row=row: at_kinks(*row) for row in each]
    return [*kinks, weighted, lambda: run("mse_loss", 5000, "mean")]


@pytest.mark.sweep
def test_many_orders():
    check_kernels(lambda: run("smooth_l1_loss", 5000, "mean"), MANY)
    check_kernels(lambda: run("kl_div", 37, "none"), MANY)
