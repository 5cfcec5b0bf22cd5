"""Schedulers against their closed forms in float64; tests/oracle compares them with PyTorch to the bit."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import lr_scheduler as lrs

T = np.arange(60)


def sgd(lr=0.1, **options):
    return gp.optim.SGD(
        [{"params": [gp.zeros(1, requires_grad=True)]}, {"params": [gp.zeros(1)], "lr": 0.02}], lr=lr, **options
    )


def path(scheduler, n=60):
    """The rates of both groups, (n, 2)."""
    rates = []
    for _ in range(n):
        rates.append([group["lr"] for group in scheduler.optimizer.param_groups])
        assert rates[-1] == scheduler.get_last_lr()
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(rates)


def triangle(t, up, down):
    x = t % (up + down)
    return np.where(x <= up, x / up, (up + down - x) / down)


def one_cycle(t, n):
    """Up over 30 % of the steps, then down; half a cosine each."""
    peak = 0.3 * n - 1
    up = 0.5 * (1 - np.cos(np.pi * t / peak))
    down = 0.5 * (1 + np.cos(np.pi * (t - peak) / (n - 1 - peak)))
    return np.where(t <= peak, 0.04 + (1 - 0.04) * up, 4e-6 + (1 - 4e-6) * down)


FORMS = {
    "lambda": (lambda o: lrs.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 1 / (1 + t)]), 1 / (1 + T)),
    "multiplicative": (lambda o: lrs.MultiplicativeLR(o, lambda t: t / (t + 1)), 1 / (1 + T)),
    "step": (lambda o: lrs.StepLR(o, 7, 0.5), 0.5 ** (T // 7)),
    "multi step": (lambda o: lrs.MultiStepLR(o, [5, 20, 20]), 0.1 ** ((T >= 5) + 2.0 * (T >= 20))),
    "constant": (lambda o: lrs.ConstantLR(o, 0.25, 9), np.where(T < 9, 0.25, 1)),
    "constant 0": (lambda o: lrs.ConstantLR(o, 0.0, 9), np.where(T < 9, 0, 1)),
    "linear": (lambda o: lrs.LinearLR(o, 0.1, 0.9, 20), 0.1 + 0.8 * np.minimum(T, 20) / 20),
    "exponential": (lambda o: lrs.ExponentialLR(o, 0.9), 0.9**T),
    "polynomial": (lambda o: lrs.PolynomialLR(o, 40, 2.0), (1 - np.minimum(T, 40) / 40) ** 2),
    "cosine": (lambda o: lrs.CosineAnnealingLR(o, 25), (1 + np.cos(np.pi * T / 25)) / 2),
    "restarts": (lambda o: lrs.CosineAnnealingWarmRestarts(o, 12), (1 + np.cos(np.pi * (T % 12) / 12)) / 2),
    "chained": (
        lambda o: lrs.ChainedScheduler([lrs.ExponentialLR(o, 0.9), lrs.StepLR(o, 9)]),
        0.9**T * 0.1 ** (T // 9),
    ),
    "sequence": (
        lambda o: lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, 99), lrs.ExponentialLR(o, 0.9)], [10]),
        np.where(T < 10, 0.5, 0.9 ** (T - 10.0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_closed_form(name):
    make, factor = FORMS[name]
    np.testing.assert_allclose(path(make(sgd())), np.outer(factor, [0.1, 0.02]), rtol=1e-9, atol=1e-15)


def test_restarts_that_become_rarer():
    scheduler = lrs.CosineAnnealingWarmRestarts(sgd(), 4, 2, eta_min=0.01)
    at = np.concatenate([np.arange(n) / n for n in (4, 8, 16, 32)])
    np.testing.assert_allclose(path(scheduler, 60)[:, 0], 0.01 + 0.09 * (1 + np.cos(np.pi * at)) / 2, rtol=1e-12)
    scheduler.step(12.5)
    assert scheduler.get_last_lr()[0] == pytest.approx(0.01 + 0.09 * (1 + math.cos(math.pi * 0.5 / 16)) / 2)


@pytest.mark.parametrize(
    ("mode", "scale"), [("triangular", 1.0), ("triangular2", 0.5 ** (T // 10)), ("exp_range", 0.9**T)]
)
def test_cycles_of_rate_and_momentum(mode, scale):
    optimizer = sgd(momentum=0.5)
    scheduler = lrs.CyclicLR(optimizer, 0.1, [0.5, 0.7], 4, 6, mode, gamma=0.9, base_momentum=0.6, max_momentum=0.8)
    momenta = []
    hook = optimizer.register_step_pre_hook(lambda o, a, k: momenta.append(o.param_groups[1]["momentum"]))
    height = triangle(T, 4, 6) * scale
    np.testing.assert_allclose(path(scheduler), 0.1 + np.outer(height, [0.4, 0.6]), rtol=1e-12)
    np.testing.assert_allclose(momenta, 0.8 - 0.2 * height, rtol=1e-12)
    hook.remove()


def test_one_cycle_of_rate_and_beta():
    optimizer = gp.optim.Adam([gp.zeros(1, requires_grad=True)])
    scheduler = lrs.OneCycleLR(optimizer, 2.0, epochs=6, steps_per_epoch=10)
    betas = []
    optimizer.register_step_pre_hook(lambda o, a, k: betas.append(o.param_groups[0]["betas"]))
    rates = path(scheduler)[:, 0]
    np.testing.assert_allclose(rates, 2.0 * one_cycle(T, 60), rtol=1e-9)
    low = np.where(
        T <= 17, 0.95 - 0.05 * (1 - np.cos(np.pi * T / 17)), 0.85 + 0.05 * (1 - np.cos(np.pi * (T - 17) / 42))
    )
    np.testing.assert_allclose(np.array(betas)[:, 0], low, rtol=1e-12)
    assert {beta[1] for beta in betas} == {0.999}


def test_one_cycle_whose_rise_is_one_step():
    """The first phase ends where it begins."""
    rates = path(lrs.OneCycleLR(sgd(momentum=0.5), 1.0, 10, pct_start=0.1), 10)
    assert rates[0].tolist() == [1.0, 1.0] and rates[-1, 0] == pytest.approx(4e-6)


def test_plateau():
    optimizer = sgd(1.0)
    scheduler = lrs.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=[0.2, 0.0])
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, math.nan, 0.5):
        scheduler.step(gp.tensor(loss))
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [1.0] * 3 + [0.5] * 4 + [0.25] * 4 + [0.2] * 3
    assert scheduler.best == 0.5 and optimizer.param_groups[1]["lr"] == 0.0025


@pytest.mark.parametrize(
    ("mode", "kind", "values", "bad"),
    [
        ("min", "rel", [1.0, 0.95, 0.85], 0),
        ("min", "rel", [1.0, 0.95, 0.91], 2),
        ("min", "abs", [-1.0, -1.05, -1.2], 0),
        ("max", "rel", [1.0, 1.05, 1.2], 0),
        ("max", "abs", [-1.0, -0.95, -0.91], 2),
    ],
)
def test_what_counts_as_better(mode, kind, values, bad):
    scheduler = lrs.ReduceLROnPlateau(sgd(), mode, threshold=0.1, threshold_mode=kind)
    for value in values:
        scheduler.step(value)
    assert scheduler.num_bad_epochs == bad


CLOSED = [name for name in FORMS if name not in ("multiplicative", "chained", "sequence", "restarts", "lambda")]


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.filterwarnings("ignore:scheduler.step")
def test_any_epoch_by_the_closed_form(name):
    make, factor = FORMS[name]
    scheduler = make(sgd())
    scheduler.optimizer.step()
    for epoch in (40, 3, 17, 0, 59):
        scheduler.step(epoch)
        assert scheduler.last_epoch == epoch
        assert scheduler.get_last_lr() == [pytest.approx(lr * factor[epoch], rel=1e-9) for lr in (0.1, 0.02)]


def test_restarts_at_any_epoch():
    for m in (1, 3):
        scheduler, by_steps = (lrs.CosineAnnealingWarmRestarts(sgd(), 4, m) for _ in range(2))
        rates = path(by_steps)
        for epoch in (30, 2, 4, 17, 16, 51):
            scheduler.step(epoch)
            np.testing.assert_allclose(scheduler.get_last_lr(), rates[epoch], rtol=1e-9, atol=1e-15)
    with pytest.raises(ValueError, match="non-negative epoch, but got -1"):
        scheduler.step(-1)


def test_cosine_rises_again_after_its_end():
    """At the end the rate is eta_min, from which no quotient leads away."""
    rates = path(lrs.CosineAnnealingLR(sgd(), 10, eta_min=0.01))
    wanted = 0.01 + np.outer((1 + np.cos(np.pi * T / 10)) / 2, [0.09, 0.01])
    np.testing.assert_allclose(rates, wanted, rtol=1e-9)


def test_scale_of_a_cycle_by_step():
    scheduler = lrs.CyclicLR(
        sgd(), 0.0, 1.0, 2, scale_fn=lambda t: 1 / (1 + t), scale_mode="iterations", cycle_momentum=False
    )
    np.testing.assert_allclose(path(scheduler, 8)[:, 0], triangle(T[:8], 2, 2) / (1 + T[:8]), rtol=1e-12)


def test_three_phases_in_lines():
    rates = path(
        lrs.OneCycleLR(sgd(), 1.0, 20, pct_start=0.3, anneal_strategy="linear", cycle_momentum=False, three_phase=True),
        20,
    )
    points = np.interp(T[:20], [0, 5, 10, 19], [0.04, 1.0, 0.04, 4e-6])
    np.testing.assert_allclose(rates[:, 0], points, rtol=1e-9)


def test_a_sequence_in_a_sequence():
    optimizer = sgd()
    inner = lrs.ChainedScheduler([lrs.ConstantLR(optimizer, 0.5, 99), lrs.StepLR(optimizer, 4)])
    scheduler = lrs.SequentialLR(
        optimizer, [lrs.ConstantLR(optimizer, 0.25, 99), lrs.ExponentialLR(optimizer, 0.5)], [3]
    )
    with pytest.raises(ValueError, match="has 1 schedulers, there are 2"):
        scheduler.load_state_dict({**scheduler.state_dict(), "_schedulers": [{}]})
    np.testing.assert_allclose(path(scheduler, 5)[:, 0], [0.025] * 3 + [0.1, 0.05], rtol=1e-12)
    assert inner.get_last_lr() == [0.05, 0.01]
