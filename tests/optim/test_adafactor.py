import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import Adafactor
from tests.optim.trajectory import TOLERANCE, check_trajectory


def adafactor(p, grads, lr=0.01, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, maximize=False):
    """Shazeer & Stern 2018, algorithm 4 and 5, with PyTorch's relative step."""
    rows = columns = v = 0.0
    least = np.finfo(np.float64).eps if eps[0] is None else eps[0]
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        weight = t**beta2_decay
        rate = max(eps[1], np.sqrt((p**2).mean())) * min(lr, 1 / np.sqrt(t))
        p = p * (1 - lr * weight_decay)
        if p.ndim > 1:
            rows = (1 - weight) * rows + weight * (g**2).mean(-1)
            columns = (1 - weight) * columns + weight * (g**2).mean(-2)
            moments = np.outer(rows, columns) / max(rows.mean(), least)
        else:
            moments = v = (1 - weight) * v + weight * g**2
        u = g / np.sqrt(np.maximum(moments, least**2))
        p = p - rate * u / max(1, np.sqrt((u**2).mean()) / d)
    return p


CASES = [{}, {"lr": 0.1, "d": 2.0, "eps": (1e-2, 0.1), "weight_decay": 0.1}, {"beta2_decay": -0.5, "maximize": True}]


@pytest.mark.parametrize("config", CASES, ids=str)
def test_trajectory(config, device):
    check_trajectory(Adafactor, adafactor, config, device)


@pytest.mark.parametrize("dtype", sorted(set(TOLERANCE) - {"float64"}))
def test_dtypes(dtype, device):
    check_trajectory(Adafactor, adafactor, CASES[1], device, dtype)


def test_state_names_and_options(device):
    p, b, none = (gp.ones(*s, device=device, requires_grad=True) for s in ((2, 3, 4), (3,), (0, 2)))
    optimizer = Adafactor([p, b, none])
    for x in (p, b, none):
        x.grad = gp.ones_like(x)
    optimizer.step()
    assert list(optimizer.state[b]) == ["step", "variance"]
    shapes = {name: tuple(s.shape) for name, s in optimizer.state[p].items()}
    assert shapes == {"step": (), "row_var": (2, 3, 1), "col_var": (2, 1, 4)}
    for config, text in (
        ({"lr": -1.0}, "Invalid learning rate"),
        ({"beta2_decay": 0.1}, "beta2_decay should be <= 0"),
        ({"eps": (-1.0, 0.0)}, "epsilon1"),
        ({"eps": (None, -1.0)}, "epsilon2"),
        ({"d": 0.5}, "Clipping threshold"),
    ):
        with pytest.raises(ValueError, match=text):
            Adafactor([p], **config)
