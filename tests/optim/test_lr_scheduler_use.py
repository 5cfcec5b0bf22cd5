"""Schedulers in use: the order of steps, states in files, mistakes, and what reaches the kernels."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.emulator.storage import synchronisations
from gpunn.optim import lr_scheduler as lrs
from tests.conftest import computing_on
from tests.optim.test_lr_scheduler import FORMS, path, sgd
from tests.optim.test_one_launch import ALL, params, set_grads


def test_a_step_too_many_changes_nothing():
    optimizer = sgd(momentum=0.5)
    scheduler = lrs.OneCycleLR(optimizer, 1.0, 5)
    path(scheduler, 5)
    before = repr(optimizer), scheduler.state_dict()
    for _ in range(2):
        with pytest.raises(ValueError, match="Tried to step 6 times"):
            scheduler.step()
    assert before == (repr(optimizer), scheduler.state_dict())


def test_a_rate_in_a_tensor_stays_one():
    rate = gp.tensor(0.1, dtype=gp.float64)
    optimizer = gp.optim.SGD([gp.zeros(1, requires_grad=True)], lr=rate)
    scheduler = lrs.ExponentialLR(optimizer, 0.5)
    last = scheduler.get_last_lr()[0]
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.05 and last.item() == 0.1


@pytest.mark.parametrize("name", FORMS)
def test_state_through_a_file(name, tmp_path):
    make, factor = FORMS[name]
    first = make(sgd())
    path(first, 15)
    gp.save({"scheduler": first.state_dict(), "optimizer": first.optimizer.state_dict()}, tmp_path / "state")
    saved = gp.load(tmp_path / "state")
    second = make(sgd())
    second.optimizer.load_state_dict(saved["optimizer"])
    second.load_state_dict(saved["scheduler"])
    np.testing.assert_allclose(path(second, 30)[:, 0], 0.1 * factor[15:45], rtol=1e-9, atol=1e-15)


def test_warning_of_the_wrong_order():
    scheduler = lrs.StepLR(sgd(), 3)
    with pytest.warns(UserWarning, match=r"before `optimizer\.step\(\)`"):
        scheduler.step()
    scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="deprecated"):
        scheduler.step(7)
    assert scheduler.get_last_lr() == [0.1 * 0.1**2, 0.02 * 0.1**2]


def test_a_step_of_ones_own_counts_as_one():
    class Plain(gp.optim.SGD):
        def step(self, closure=None):
            self.steps = getattr(self, "steps", 0) + 1

    optimizer = Plain([gp.zeros(1, requires_grad=True)])
    schedulers = [lrs.StepLR(optimizer, 1) for _ in range(2)]
    optimizer.step()
    schedulers[0].step()
    assert optimizer.steps == 1
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="replaced"):
        schedulers[1].step()


def test_a_step_that_was_replaced_before():
    optimizer, calls = sgd(), []
    optimizer.step = lambda closure=None: calls.append(closure)
    scheduler = lrs.StepLR(optimizer, 1)
    optimizer.step(7)
    scheduler.step()
    assert calls == [7]


class Own(lrs._LRScheduler):
    """What users write: get_lr alone."""

    def get_lr(self):
        return [base * (1 + self.last_epoch) for base in self.base_lrs]


def test_a_scheduler_of_ones_own():
    np.testing.assert_allclose(path(Own(sgd()), 5)[:, 1], 0.02 * np.arange(1, 6))
    with pytest.raises(NotImplementedError, match="get_lr"):
        lrs.LRScheduler(sgd())


def test_resuming_needs_the_first_rates():
    with pytest.raises(KeyError, match="initial_lr"):
        lrs.StepLR(sgd(), 3, last_epoch=4)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lrs.StepLR(3, 3)


@pytest.mark.parametrize("kind", ALL)
def test_rates_reach_the_kernels_without_a_wait(kind):
    """On a GPU the rate lies in device memory; each new one is sent there, and the host does not wait."""
    results = {}
    with computing_on("emulated"):
        for device in ("cpu", "cuda"):
            ps = params(device)
            optimizer = ALL[kind](ps)
            scheduler = lrs.ExponentialLR(optimizer, 0.5)
            set_grads(ps, 0)
            optimizer.step()  # lays out the states
            before = synchronisations.count
            for _ in range(4):
                scheduler.step()
                optimizer.step()
            assert synchronisations.count == before
            results[device] = ps
        for a, b in zip(results["cuda"], results["cpu"], strict=True):
            np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_cycled_momentum_reaches_the_kernel():
    results = []
    with computing_on("emulated"):
        for device in ("cpu", "cuda"):
            ps = params(device)
            optimizer = gp.optim.SGD(ps, lr=0.1, momentum=0.9)
            scheduler = lrs.OneCycleLR(optimizer, 0.5, 6)
            for seed in range(6):
                set_grads(ps, seed)
                optimizer.step()
                scheduler.step()
            results.append([p.detach().cpu().numpy() for p in ps])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


class Factor:
    """A callable object; its attributes are part of the state."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, t):
        return self.factor


@pytest.mark.parametrize(
    "make",
    [lambda o, f: lrs.LambdaLR(o, [f, f]), lambda o, f: lrs.CyclicLR(o, 0.0, 1.0, 1, scale_fn=f, cycle_momentum=False)],
)
def test_objects_keep_their_attributes(make):
    first, second = make(sgd(), Factor(0.25)), make(sgd(), Factor(7.0))
    second.load_state_dict(first.state_dict())
    for scheduler in (first, second):
        scheduler.optimizer.step()
        scheduler.step()
    assert first.get_last_lr() == second.get_last_lr() != [0.0, 0.0]


def test_plateau_with_a_new_group():
    optimizer = sgd(1.0)
    one, several = (lrs.ReduceLROnPlateau(optimizer, patience=0, min_lr=m) for m in (0.5, [0.5, 0.5]))
    optimizer.add_param_group({"params": [gp.zeros(1)], "lr": 4.0})
    for scheduler in (one, several):
        scheduler.step(1.0)
    before = several.state_dict()
    with pytest.raises(RuntimeError, match=r"param groups in the `optimizer` \(3\)"):
        several.step(2.0)
    assert several.state_dict() == before and optimizer.param_groups[2]["lr"] == 4.0
    one.step(2.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.02, 0.5]


WRONG = [
    (lambda o: lrs.LambdaLR(o, [math.cos]), "Expected 2 lr_lambdas, but got 1"),
    (lambda o: lrs.LambdaLR(o, 0.5), "should be a function, but got float"),
    (lambda o: lrs.ConstantLR(o, 1.5), "between 0 and 1, got 1.5"),
    (lambda o: lrs.LinearLR(o, 0.0), "greater than 0 and less or equal to 1, got 0"),
    (lambda o: lrs.LinearLR(o, 0.5, 2.0), "Ending multiplicative factor"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 0), "positive integer T_0"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 3, 0), "T_mult >= 1"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 3, eta_min="0"), "float or int eta_min"),
    (lambda o: lrs.CyclicLR(o, 0.1, 0.2, mode="round"), "mode is invalid and scale_fn is None"),
    (lambda o: lrs.CyclicLR(o, 0.1, [0.2]), "max_lr has 1 values, param_groups has 2"),
    (lambda o: lrs.OneCycleLR(o, 1.0), r"either total_steps OR \(epochs AND steps_per_epoch\)"),
    (lambda o: lrs.OneCycleLR(o, 1.0, -3), "positive integer total_steps, but got -3"),
    (lambda o: lrs.OneCycleLR(o, 1.0, 3, pct_start=2.0), "float between 0 and 1 pct_start"),
    (lambda o: lrs.OneCycleLR(o, 1.0, 3, anneal_strategy="sin"), "'cos' or 'linear', instead got sin"),
    (lambda o: lrs.ReduceLROnPlateau(o, factor=1.0), "Factor should be < 1.0"),
    (lambda o: lrs.ReduceLROnPlateau(o, min_lr=[0.1]), "expected 2 min_lrs, got 1"),
    (lambda o: lrs.ReduceLROnPlateau(o, "low"), "mode low is unknown"),
    (lambda o: lrs.ReduceLROnPlateau(o, threshold_mode="low"), "threshold mode low is unknown"),
    (lambda o: lrs.SequentialLR(o, [], []), "at least one scheduler"),
    (lambda o: lrs.ChainedScheduler([]), "at least one scheduler"),
    (lambda o: lrs.ChainedScheduler([3]), "should have `optimizer` as its attribute, got int"),
    (lambda o: lrs.ChainedScheduler([lrs.ReduceLROnPlateau(o)]), "does not support `ReduceLROnPlateau`"),
    (lambda o: lrs.ChainedScheduler([lrs.StepLR(sgd(), 3)], o), "belong to the same optimizer"),
    (lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 3)], [3]), "one more than the number of milestone points"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), WRONG, ids=[text for _, text in WRONG])
def test_arguments_are_checked(make, text):
    optimizer = sgd(momentum=0.3)
    with pytest.raises(ValueError, match=text):
        make(optimizer)
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(0.1, 0.3), (0.02, 0.3)]


def test_a_cycle_needs_a_momentum():
    optimizer = gp.optim.Adagrad([gp.zeros(1, requires_grad=True)], lr=0.1)
    for make in (
        lambda **s: lrs.CyclicLR(optimizer, 0.5, 1.0, **s),
        lambda **s: lrs.OneCycleLR(optimizer, 1.0, 5, **s),
    ):
        with pytest.raises(ValueError, match="Adagrad has neither: cycle_momentum=False"):
            make()
        assert optimizer.param_groups[0]["lr"] == 0.1
    assert make(cycle_momentum=False).get_last_lr() == [pytest.approx(0.04)]


def test_a_function_that_fails_leaves_the_epoch():
    scheduler = lrs.LambdaLR(sgd(), lambda t: 1 / (1 - t))
    scheduler.optimizer.step()
    before = scheduler.state_dict()
    with pytest.raises(ZeroDivisionError):
        scheduler.step()
    assert scheduler.state_dict() == before
