import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import Muon
from gpunn.optim.muon import COEFFICIENTS, orthogonal

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(8, 8), (5, 20), (30, 10), (1, 4)])
def test_steps_are_nearly_orthogonal(shape, device):
    g = gp.tensor(RNG.standard_normal(shape), dtype=gp.float32, device=device)
    x = orthogonal(g.array, COEFFICIENTS, 5, 1e-7)
    x = gp.Tensor(x).cpu().numpy()
    sizes = np.linalg.svd(x, compute_uv=False)
    assert sizes.min() > 0.3 and sizes.max() < 1.3
    u, _, vt = np.linalg.svd(g.cpu().numpy(), full_matrices=False)
    inner = u.T @ x @ vt.T
    np.testing.assert_allclose(inner, np.diag(np.diagonal(inner)), atol=0.05)


@pytest.mark.parametrize(
    "config",
    [{}, {"nesterov": False, "momentum": 0.5, "weight_decay": 0.3}, {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw"}],
    ids=str,
)
def test_trajectory(config, device):
    options = {"lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "adjust_lr_fn": None, **config}
    start, grads = RNG.standard_normal((6, 3)), RNG.standard_normal((4, 6, 3))
    p = gp.tensor(start, device=device, requires_grad=True)
    optimizer = Muon([p], **config)
    wanted, buffer, m = start, 0.0, options["momentum"]
    for g in grads:
        p.grad = gp.tensor(g, device=device)
        optimizer.step()
        buffer = m * buffer + (1 - m) * g
        direction = (1 - m) * g + m * buffer if options["nesterov"] else buffer
        ratio = 0.2 * np.sqrt(6) if options["adjust_lr_fn"] else np.sqrt(2)
        turned = orthogonal(np.asarray(direction, np.float32), COEFFICIENTS, 5, 1e-7)
        wanted = wanted * (1 - options["lr"] * options["weight_decay"]) - options["lr"] * ratio * turned
    np.testing.assert_allclose(p.detach().cpu().numpy(), wanted, atol=options["lr"] * 0.02)
    np.testing.assert_allclose(optimizer.state[p]["momentum_buffer"].cpu().numpy(), buffer, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtypes(dtype, device):
    p = gp.ones(4, 2, dtype=getattr(gp, dtype), device=device, requires_grad=True)
    p.grad = gp.zeros_like(p)
    optimizer = Muon([p], lr=0.5)
    optimizer.step()  # there is no direction in 0
    np.testing.assert_allclose(p.detach().cpu().float().numpy(), 0.95, rtol=5e-3)
    assert p.dtype is optimizer.state[p]["momentum_buffer"].dtype and list(optimizer.state[p]) == ["momentum_buffer"]


def test_options():
    p = gp.ones(2, 2, requires_grad=True)
    for config, text in (
        ({"lr": -1.0}, "learning rate"),
        ({"momentum": -1.0}, "momentum"),
        ({"adjust_lr_fn": "other"}, "is not supported"),
        ({"ns_coefficients": (1.0, 2.0)}, "3 numbers"),
        ({"ns_steps": 100}, "less than 100"),
    ):
        with pytest.raises(ValueError, match=text):
            Muon([p], **config)
    with pytest.raises(ValueError, match="only supports 2D"):
        Muon([gp.ones(2, requires_grad=True)])
