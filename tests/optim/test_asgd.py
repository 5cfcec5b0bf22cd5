import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import ASGD
from tests.optim.trajectory import TOLERANCE, check_trajectory


def asgd(p, grads, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False):
    """Bottou's form of Polyak & Juditsky 1992; eta and mu are kept in float32."""
    eta = float(np.float32(lr))
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        p = p * (1 - lambd * eta) - eta * g
        eta = float(np.float32(lr / (1 + lambd * lr * t) ** alpha))
    return p


CASES = [{}, {"lr": 0.1, "lambd": 0.3, "alpha": 0.5, "weight_decay": 0.2}, {"lr": 0.1, "t0": 2, "maximize": True}]


@pytest.mark.parametrize("config", CASES, ids=str)
def test_trajectory(config, device):
    check_trajectory(ASGD, asgd, config, device)


@pytest.mark.parametrize("dtype", sorted(set(TOLERANCE) - {"float64"}))
def test_dtypes(dtype, device):
    check_trajectory(ASGD, asgd, CASES[1], device, dtype)


def test_the_average(device):
    """It follows the parameter until t0, and is then the mean of what comes."""
    p = gp.zeros(2, dtype=gp.float64, device=device, requires_grad=True)
    optimizer, path = ASGD([p], lr=1.0, lambd=0.0, t0=2), []
    for value in (1.0, 3.0, 5.0, 2.0, 8.0):
        p.grad = gp.full_like(p, value)
        optimizer.step()
        path.append(p[0].item())
    mean = path[2]  # mu = 1 in steps 1 to 4: those before t - t0 = 2
    for mu, x in ((1.0, path[3]), (0.5, path[4])):
        mean += float(np.float32(mu)) * (x - mean)
    np.testing.assert_allclose(optimizer.state[p]["ax"].tolist(), [mean] * 2, rtol=1e-12)
    assert list(optimizer.state[p]) == ["step", "eta", "mu", "ax"]
    np.testing.assert_allclose(optimizer.state[p]["mu"].item(), 1 / 3, rtol=1e-6)


def test_a_changed_learning_rate_counts_from_the_next_step():
    p = gp.zeros(1, dtype=gp.float64, requires_grad=True)
    optimizer = ASGD([p], lr=1.0, lambd=0.0)
    steps = []
    for _ in range(3):
        before = p.item()
        p.grad = gp.ones_like(p)
        optimizer.step()
        steps.append(before - p.item())
        optimizer.param_groups[0]["lr"] = 0.25
    assert steps == [1.0, 1.0, 0.25]


def test_options_are_checked():
    for config, text in (({"lr": -1.0}, "Invalid learning rate"), ({"weight_decay": -1}, "Invalid weight_decay")):
        with pytest.raises(ValueError, match=text):
            ASGD([gp.ones(1, requires_grad=True)], **config)
