"""The kernels of loss/gaussian.cu in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional


def run(shape, of_variance, reduction, dtype=gp.float32, **options):
    rng = np.random.default_rng(0)
    inputs = [gp.tensor(rng.uniform(0.1, 2, s), dtype=dtype, device="cuda") for s in (shape, shape, of_variance)]
    for x in inputs:
        x.requires_grad_()
    y = F.gaussian_nll_loss(*inputs, reduction=reduction, **options)
    y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()).reshape(y.shape), dtype=dtype, device="cuda"))
    return y.detach(), *[x.grad for x in inputs]


def each():
    return run((3, 5, 7), (3, 1, 7), "none", eps=0.5)


def mean():
    return run((5000,), (5000,), "mean", full=True)


@pytest.mark.parametrize("what", [each, mean, lambda: run((300, 3), (300,), "sum", gp.float16)])
def test_loss(what):
    check_kernels(what, 1)


def at_eps():
    """Variances beside eps and at it, and some gradients that nobody asks for."""
    x = gp.tensor([1.0, 2.0, 3.0], device="cuda", requires_grad=True)
    var = gp.tensor([0.25, 0.5, 0.75], device="cuda")
    y = F.gaussian_nll_loss(x, gp.ones(3, device="cuda"), var, eps=0.5, reduction="none")
    y.sum().backward()
    return y.detach(), x.grad


def mutation_runs():
    """What mutants have to pass."""
    return [each, mean, at_eps]


@pytest.mark.sweep
def test_many_orders():
    check_kernels(each, MANY)
    check_kernels(mean, MANY)
