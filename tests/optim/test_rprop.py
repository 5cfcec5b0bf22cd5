import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import Rprop
from tests.optim.trajectory import TOLERANCE, check_trajectory


def rprop(p, grads, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False):
    """Riedmiller & Braun 1993, element by element, without going back."""
    p = p.copy()
    for i in np.ndindex(p.shape):
        before, size = 0.0, lr
        for step in grads:
            g = -step[i] if maximize else step[i]
            if g * before > 0:
                size = min(size * etas[1], step_sizes[1])
            elif g * before < 0:
                size, g = max(size * etas[0], step_sizes[0]), 0.0
            p[i] -= np.sign(g) * size
            before = g
    return p


CASES = [{}, {"lr": 0.1, "etas": (0.3, 2.0), "maximize": True}, {"lr": 0.1, "step_sizes": (0.08, 0.15)}]


@pytest.mark.parametrize("config", CASES, ids=str)
def test_trajectory(config, device):
    check_trajectory(Rprop, rprop, config, device)


@pytest.mark.parametrize("dtype", sorted(set(TOLERANCE) - {"float64"}))
def test_dtypes(dtype, device):
    check_trajectory(Rprop, rprop, CASES[2], device, dtype)


def test_nan_stays_nan(device):
    p = gp.zeros(2, device=device, requires_grad=True)
    optimizer = Rprop([p], lr=0.5)
    for value in (1.0, float("nan"), 1.0):
        p.grad = gp.tensor([value, 1.0], device=device)
        optimizer.step()
    np.testing.assert_array_equal(np.isnan(p.detach().cpu().numpy()), [True, False])
    np.testing.assert_array_equal(np.isnan(optimizer.state[p]["step_size"].cpu().numpy()), [True, False])


def test_state_names_and_options():
    p = gp.ones(2, requires_grad=True)
    p.grad = gp.ones(2)
    optimizer = Rprop([p])
    optimizer.step()
    assert list(optimizer.state[p]) == ["step", "prev", "step_size"]
    for config, text in (
        ({"lr": -1.0}, "Invalid learning rate"),
        ({"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
    ):
        with pytest.raises(ValueError, match=text):
            Rprop([p], **config)
