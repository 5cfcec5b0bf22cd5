"""Training on the emulated GPU from end to end: the numbers of the CPU, by kernels alone, without waiting."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.emulator import calls, operators, ufunc
from gpunn.kernels import prepared
from gpunn.nn import functional as F
from gpunn.vision.models import LeNet5
from tests.conftest import computing_on

STEPS, BATCH = 3, 8


def train(device, make_optimizer, dtype=gp.float32):
    """The losses of a few steps and the parameters after them; what the last step cost in waits of the host."""
    gp.manual_seed(0)
    model = LeNet5().to(device, dtype)
    optimizer = make_optimizer(model.parameters())
    rng = np.random.default_rng(0)
    images = gp.tensor(rng.standard_normal((BATCH, 1, 28, 28)), dtype=dtype, device=device)
    labels = gp.tensor(rng.integers(0, 10, BATCH), device=device)
    losses, waits = [], 0
    for _ in range(STEPS):
        before = emulator.synchronisations.count
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        waits = emulator.synchronisations.count - before
        losses.append(loss.detach())
    return [x.item() for x in losses], [p.detach().cpu().numpy() for p in model.parameters()], waits


OPTIMIZERS = {
    "SGD": lambda p: gp.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: gp.optim.Adam(p, lr=0.002),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("where", ["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_lenet_learns_as_on_the_cpu(name, where):
    losses, parameters, _ = train("cpu", OPTIMIZERS[name])
    with computing_on(where):
        found, moved, waits = train("cuda", OPTIMIZERS[name])
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(found, losses, rtol=2e-5)
    for mine, theirs in zip(moved, parameters, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-4)
    assert waits == 0


def test_lenet_in_bfloat16_learns_too():
    with computing_on("emulated"):
        losses, _, waits = train("cuda", OPTIMIZERS["SGD"], gp.bfloat16)
    assert losses[-1] < losses[0] - 0.05
    assert waits == 0


def test_a_step_of_lenet_is_kernels_and_matrix_products(monkeypatch):
    launches, elementwise = Counter(), Counter()
    run, call_ufunc = prepared.Prepared.run, calls.call_ufunc

    def counted_run(self, *args):
        launches["kernels"] += 1
        return run(self, *args)

    def counted_ufunc(function, *args, **kwargs):
        elementwise[function.__name__] += 1
        return call_ufunc(function, *args, **kwargs)

    with computing_on("emulated"):
        monkeypatch.setattr(prepared.Prepared, "run", counted_run)
        for module in (calls, operators, ufunc):
            monkeypatch.setattr(module, "call_ufunc", counted_ufunc)
        train("cuda", OPTIMIZERS["SGD"])
    assert not elementwise
    assert 15 * STEPS <= launches["kernels"] <= 30 * STEPS


def test_lenet_has_no_fault_in_check_mode():
    with computing_on("checked"):
        losses, _, _ = train("cuda", OPTIMIZERS["SGD"])
    np.testing.assert_allclose(losses, train("cpu", OPTIMIZERS["SGD"])[0], rtol=2e-5)
