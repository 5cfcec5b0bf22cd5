import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.optim import swa_utils as swa


def model(seed, device="cpu"):
    gp.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(device)


def values(module, part="parameters"):
    return [p.detach().cpu().numpy() for p in getattr(module, part)()]


MEANS = {
    "plain": ({}, lambda old, new, n: old + (new - old) / (n + 1)),
    "plain, many": ({"multi_avg_fn": swa.get_swa_multi_avg_fn()}, lambda old, new, n: old + (new - old) / (n + 1)),
    "exponential": ({"avg_fn": swa.get_ema_avg_fn(0.9)}, lambda old, new, n: 0.9 * old + 0.1 * new),
    "exponential, many": ({"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)}, lambda old, new, n: 0.9 * old + 0.1 * new),
    "own": ({"avg_fn": lambda old, new, n: old + new * (n + 1)}, lambda old, new, n: old + new * (n + 1)),
}


@pytest.mark.parametrize("kind", MEANS)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages(kind, use_buffers, device):
    settings, mean = MEANS[kind]
    models = [model(i, device) for i in range(4)]
    for i, m in enumerate(models):
        m(gp.tensor(np.random.default_rng(i).normal(size=(5, 3)), dtype=gp.float32, device=device))
    averaged = swa.AveragedModel(models[0], use_buffers=use_buffers, **settings)
    wanted = values(models[0]) + values(models[0], "buffers")[:2]
    for n, m in enumerate(models):
        averaged.update_parameters(m)
        if n:
            news = values(m) + values(m, "buffers")[:2]
            wanted = [mean(old, new, n) for old, new in zip(wanted, news, strict=True)]
    if not use_buffers:
        wanted[-2:] = values(models[-1], "buffers")[:2]
    found = values(averaged.module) + values(averaged.module, "buffers")[:2]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert averaged.n_averaged.item() == 4
    assert all(p.device.type == device for p in averaged.parameters())


def test_the_average_of_one_model_is_a_copy():
    m = model(0)
    averaged = swa.AveragedModel(m)
    averaged.update_parameters(m)
    x = gp.ones(2, 3)
    assert averaged.eval()(x).tolist() == m.eval()(x).tolist()
    with gp.no_grad():
        m[0].weight.zero_()
    assert averaged.module[0].weight.detach().abs().sum().item() > 0
    assert list(averaged.state_dict())[:2] == ["n_averaged", "module.0.weight"]


def test_counts_are_averaged_as_integers():
    m = model(0)
    for kind in (swa.get_swa_multi_avg_fn(), swa.get_ema_multi_avg_fn(0.5)):
        averaged = swa.AveragedModel(m, multi_avg_fn=kind, use_buffers=True)
        for count in (2, 6):
            m[1].num_batches_tracked.fill_(count)
            averaged.update_parameters(m)
        assert averaged.module[1].num_batches_tracked.item() == 4
        assert averaged.module[1].num_batches_tracked.dtype is gp.int64


def test_on_another_device(device):
    averaged = swa.AveragedModel(model(0), device=device)
    for seed in (1, 2):
        averaged.update_parameters(model(seed))
    assert str(averaged.module[0].weight.device).startswith(device)
    halves = [0.5 * (a + b) for a, b in zip(values(model(1)), values(model(2)), strict=True)]
    for a, b in zip(values(averaged), halves, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_statistics_are_those_of_all_batches():
    m = model(0).eval()
    m[1].momentum = 0.3
    batches = [np.random.default_rng(i).normal(size=(8, 3)).astype(np.float32) for i in range(3)]
    swa.update_bn([(gp.tensor(x), None) for x in batches], m, device="cpu")
    outputs = [m[0](gp.tensor(x)).detach().numpy() for x in batches]
    np.testing.assert_allclose(m[1].running_mean.tolist(), np.mean([y.mean(0) for y in outputs], 0), rtol=1e-5)
    np.testing.assert_allclose(m[1].running_var.tolist(), np.mean([y.var(0, ddof=1) for y in outputs], 0), rtol=1e-5)
    assert m[1].momentum == 0.3 and not m.training and not m[0].training
    with pytest.raises(RuntimeError):
        swa.update_bn([gp.ones(2, 7)], m)
    assert m[1].momentum == 0.3 and not m.training
    assert swa.update_bn([], nn.Linear(2, 2)) is None


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_rate_goes_to_its_last_value(strategy):
    optimizer = gp.optim.SGD([gp.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = swa.SWALR(optimizer, 0.2, anneal_epochs=8, anneal_strategy=strategy)
    t = np.minimum(np.arange(12) / 8, 1)
    alpha = (1 - np.cos(np.pi * t)) / 2 if strategy == "cos" else t
    for wanted in 1.0 + (0.2 - 1.0) * alpha:
        assert scheduler.get_last_lr() == [pytest.approx(wanted)]
        optimizer.step()
        scheduler.step()


def test_errors():
    with pytest.raises(AssertionError, match="Only one of"):
        swa.AveragedModel(model(0), avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn())
    for get in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value"):
            get(1.5)
