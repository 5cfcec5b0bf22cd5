"""The kernels of softmax and cross-entropy in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.loss import totals
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
# A line for a thread, a warp, a block; lines side by side, for several blocks; more lines than a block has.
LINES = [((3, 5), 1), ((3, 45), 1), ((2, 1100), 1), ((1, 45, 70), 1), ((260, 3), 1)]


def numbers(shape, dtype=gp.float32):
    return gp.tensor(np.random.default_rng(0).normal(size=shape), dtype=dtype, device="cuda", requires_grad=True)


def softmax(op, shape, dim, dtype=gp.float32):
    x = numbers(shape, dtype)
    y = op(x, dim)
    y.backward(gp.tensor(np.linspace(0, 1, y.numel()).reshape(shape), dtype=dtype, device="cuda"))
    return y, x.grad


@pytest.mark.parametrize(("shape", "dim"), LINES)
def test_softmax(shape, dim):
    check_kernels(lambda: softmax(F.log_softmax, shape, dim))
    check_kernels(lambda: softmax(F.softmax, shape, dim, gp.bfloat16), 1)


def cross_entropy(loss, shape, **options):
    x = numbers(shape)
    labels = np.random.default_rng(1).integers(0, shape[1], (shape[0], *shape[2:]))
    labels.flat[0] = -100
    weight = gp.tensor(np.linspace(0.5, 2, shape[1]), dtype=gp.float32, device="cuda")
    y = loss(x, gp.tensor(labels, device="cuda"), weight, **options)
    y.sum().backward()
    return y, x.grad


@pytest.mark.parametrize(("shape", "dim"), LINES)
def test_cross_entropy(shape, dim):
    check_kernels(lambda: cross_entropy(F.cross_entropy, shape))
    check_kernels(lambda: cross_entropy(F.cross_entropy, shape, label_smoothing=0.1, reduction="none"), 1)
    check_kernels(lambda: cross_entropy(F.nll_loss, shape), 1)


def soft_targets(shape, weighted=False):
    x = numbers(shape)
    weight = gp.tensor(np.linspace(0.5, 2, shape[1]), dtype=gp.float32, device="cuda") if weighted else None
    target = gp.tensor(np.random.default_rng(1).uniform(size=shape), dtype=gp.float32, device="cuda")
    y = F.cross_entropy(x, target, weight, label_smoothing=0.1)
    y.backward()
    return y, x.grad


@pytest.mark.parametrize(("shape", "dim"), LINES)
def test_soft_targets(shape, dim):
    check_kernels(lambda: soft_targets(shape), 1)
    check_kernels(lambda: soft_targets(shape, weighted=True), 1)


@pytest.mark.sweep
@pytest.mark.parametrize(("shape", "dim"), [((3, 45), 1), ((1, 45, 5), 1)])
def test_many_orders(shape, dim):
    check_kernels(lambda: softmax(F.softmax, shape, dim), MANY)
    check_kernels(lambda: cross_entropy(F.cross_entropy, shape, label_smoothing=0.1), MANY)
    check_kernels(lambda: cross_entropy(F.cross_entropy, shape, reduction="none"), MANY)
    check_kernels(lambda: cross_entropy(F.nll_loss, shape), MANY)
    check_kernels(lambda: soft_targets(shape, weighted=True), MANY)


@pytest.mark.sweep
def test_totals_by_several_blocks_in_many_orders(monkeypatch):
    monkeypatch.setattr(totals, "DIRECT", 0)
    monkeypatch.setattr(totals, "EACH", 1)
    check_kernels(lambda: cross_entropy(F.nll_loss, (40, 3)), MANY)
