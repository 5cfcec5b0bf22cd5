import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import Adamax, NAdam, RAdam
from tests.optim.trajectory import TOLERANCE, check_trajectory, name_of

FLOAT32 = np.float32


def nadam(
    p, grads, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3,
    decoupled_weight_decay=False, maximize=False
):  # fmt: skip
    """Dozat 2016, Algorithm 2, with the schedule of its section 3; the product of mu is kept in float32."""
    (b1, b2), m, v, product = betas, 0 * p, 0 * p, FLOAT32(1)
    mus = [b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(1, len(grads) + 2)]
    for t, g in enumerate(grads, 1):
        g, p = regularised(-g if maximize else g, p, lr, weight_decay, decoupled_weight_decay)
        product = product * FLOAT32(mus[t - 1])
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        mean = (1 - mus[t - 1]) * g / (1 - float(product)) + mus[t] * m / (1 - float(product) * mus[t])
        p = p - lr * mean / (np.sqrt(v / (1 - b2**t)) + eps)
    return p


def radam(
    p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled_weight_decay=False, maximize=False
):
    """Liu et al. 2020, Algorithm 2, with eps."""
    (b1, b2), m, v = betas, 0 * p, 0 * p
    longest = 2 / (1 - b2) - 1
    for t, g in enumerate(grads, 1):
        g, p = regularised(-g if maximize else g, p, lr, weight_decay, decoupled_weight_decay)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        length = longest - 2 * t * b2**t / (1 - b2**t)
        step = m / (1 - b1**t)
        if length > 5:
            r = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = step * np.sqrt(r) * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
        p = p - lr * step
    return p


def adamax(p, grads, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    """Kingma & Ba 2015, Algorithm 2, with eps."""
    (b1, b2), m, u = betas, 0 * p, 0 * p
    for t, g in enumerate(grads, 1):
        g, p = regularised(-g if maximize else g, p, lr, weight_decay, False)
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g) + eps)
        p = p - lr / (1 - b1**t) * m / u
    return p


def regularised(g, p, lr, decay, is_decoupled):
    return (g, p * (1 - lr * decay)) if is_decoupled else (g + decay * p, p)


CASES = [
    (NAdam, nadam, {}),
    (NAdam, nadam, {"lr": 0.1, "betas": (0.6, 0.9), "eps": 1e-3, "weight_decay": 0.2, "momentum_decay": 0.3}),
    (NAdam, nadam, {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True, "maximize": True}),
    (RAdam, radam, {}),
    (RAdam, radam, {"lr": 0.1, "betas": (0.6, 0.9), "eps": 1e-3, "weight_decay": 0.2}),
    (RAdam, radam, {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True, "maximize": True}),
    (Adamax, adamax, {}),
    (Adamax, adamax, {"lr": 0.1, "betas": (0.6, 0.8), "eps": 1e-3, "weight_decay": 0.2, "maximize": True}),
]


@pytest.mark.parametrize(("kind", "reference", "config"), CASES, ids=name_of)
def test_trajectory(kind, reference, config, device):
    check_trajectory(kind, reference, config, device, steps=9)


@pytest.mark.parametrize("dtype", sorted(set(TOLERANCE) - {"float64"}))
@pytest.mark.parametrize(("kind", "reference", "config"), [CASES[1], CASES[4], CASES[7]], ids=name_of)
def test_dtypes(kind, reference, config, dtype, device):
    check_trajectory(kind, reference, config, device, dtype)


def test_state_names():
    p = gp.ones(2, requires_grad=True)
    p.grad = gp.ones(2)
    for kind, names in (
        (NAdam, ["step", "mu_product", "exp_avg", "exp_avg_sq"]),
        (RAdam, ["step", "exp_avg", "exp_avg_sq"]),
        (Adamax, ["step", "exp_avg", "exp_inf"]),
    ):
        optimizer = kind([p])
        optimizer.step()
        assert list(optimizer.state[p]) == names and optimizer.state[p]["step"].item() == 1


def test_the_product_of_mu_follows_the_default_dtype(device):
    try:
        gp.set_default_dtype(gp.float64)
        p = gp.ones(2, device=device, requires_grad=True)
        optimizer = NAdam([p])
        for _ in range(2):
            p.grad = gp.ones(2, device=device)
            optimizer.step()
    finally:
        gp.set_default_dtype(gp.float32)
    mus = [0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (1, 2)]
    assert optimizer.state[p]["mu_product"].item() == mus[0] * mus[1]


@pytest.mark.parametrize("kind", [NAdam, RAdam, Adamax])
def test_options_are_checked(kind):
    for config, text in (
        ({"lr": -1.0}, "Invalid learning rate: -1"),
        ({"eps": -1.0}, "Invalid epsilon value"),
        ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1"),
        ({"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ):
        with pytest.raises(ValueError, match=text):
            kind([gp.ones(1, requires_grad=True)], **config)
