import numpy as np
import pytest

import gpunn as gp
from gpunn import backend


def reference(
    p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False, maximize=False
):
    """Kingma & Ba 2015, Algorithm 1; Reddi et al. 2018 for amsgrad; Loshchilov & Hutter 2019 if decoupled."""
    b1, b2 = betas
    m = v = largest = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v)
        root = np.sqrt((largest if amsgrad else v) / (1 - b2**t))
        p = p - lr * m / (1 - b1**t) / (root + eps)
    return p


CONFIGS = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
    {"lr": 0.1, "weight_decay": 0.2},
    {"lr": 0.1, "amsgrad": True, "maximize": True},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("shape", [(3, 4), (), (150_000,)])
def test_trajectory(config, decoupled, shape, device):
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal(shape), [rng.standard_normal(shape) * 3.0 ** (1 - i) for i in range(5)]
    p = gp.tensor(start, device=device, requires_grad=True)
    kind = gp.optim.AdamW if decoupled else gp.optim.Adam
    optimizer = kind([p], **{"weight_decay": 0.0, **config})
    for grad in grads:
        p.grad = gp.tensor(grad, device=device)
        optimizer.step()
    wanted = reference(start, grads, decoupled=decoupled, **config)
    np.testing.assert_allclose(p.detach().cpu().numpy(), wanted, rtol=1e-11, atol=1e-13)
    assert optimizer.state[p]["step"].item() == 5


def test_defaults_and_state_names():
    p = gp.ones(2, requires_grad=True)
    p.grad = gp.ones(2)
    optimizer = gp.optim.AdamW([p], amsgrad=True)
    assert optimizer.defaults["weight_decay"] == 1e-2 and gp.optim.Adam([p]).defaults["weight_decay"] == 0
    optimizer.step()
    assert list(optimizer.state[p]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"lr": -1.0}, "Invalid learning rate"),
        ({"eps": -1.0}, "Invalid epsilon value"),
        ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        ({"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1"),
        ({"weight_decay": -1}, "Invalid weight_decay value"),
        ({"lr": gp.ones(2)}, "lr must be 1-element"),
        ({"betas": (gp.ones(2), gp.ones(2))}, r"betas\[0\] must be 1-element"),
        ({"betas": (0.9, gp.tensor(0.9))}, "both floats or both Tensors"),
        ({"lr": gp.tensor(0.1), "foreach": True}, "lr as a Tensor is not supported"),
    ],
)
def test_options_are_checked(config, text):
    with pytest.raises(ValueError, match=text):
        gp.optim.Adam([gp.ones(1, requires_grad=True)], **config)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_half_types_are_computed_in_float32(dtype, device):
    """Each step rounds once: a GPU, which fuses products and sums, may come to the number beside."""
    rng = np.random.default_rng(0)
    start, *grads = (rng.standard_normal(500).astype(dtype.numpy) for _ in range(4))
    p = gp.tensor(start, device=device, requires_grad=True)
    optimizer = gp.optim.Adam([p], lr=0.25, betas=(0.9, 0.99))
    m = v = np.zeros(500, dtype.numpy)
    for g in grads:
        p.grad = gp.tensor(g, device=device)
        optimizer.step()
        m, v, g = (x.astype(np.float32) for x in (m, v, g))
        wanted = m + (g - m) * np.float32(1 - 0.9), v * np.float32(0.99) + np.float32(1 - 0.99) * g * g
        state = optimizer.state[p]
        m, v = (backend.asnumpy(state[name].array).copy() for name in ("exp_avg", "exp_avg_sq"))
        for found, exact in zip((m, v), wanted, strict=True):
            rounded = exact.astype(dtype.numpy).astype(np.float64)
            unit = float(gp.finfo(dtype).eps)
            np.testing.assert_allclose(found.astype(np.float64), rounded, rtol=unit, atol=2.0**-24)
            assert (found == rounded).mean() > 0.9
    assert optimizer.state[p]["exp_avg"].dtype is p.dtype is dtype
    exact = reference(start.astype(np.float64), [g.astype(np.float64) for g in grads], lr=0.25, betas=(0.9, 0.99))
    np.testing.assert_allclose(p.detach().double().cpu().numpy(), exact, rtol=1e-2, atol=1e-2)


def test_the_step_count_does_not_take_a_half_type():
    p = gp.ones(1, requires_grad=True)
    p.grad = gp.ones(1)
    optimizer = gp.optim.Adam([p])
    try:
        gp.set_default_dtype(gp.float16)
        optimizer.step()
    finally:
        gp.set_default_dtype(gp.float32)
    assert optimizer.state[p]["step"].dtype is gp.float32


def test_tensor_options():
    p = gp.zeros(1, requires_grad=True)
    p.grad = gp.ones(1)
    gp.optim.Adam([p], lr=gp.tensor(0.5), betas=(gp.tensor(0.9), gp.tensor(0.99))).step()
    assert abs(p.item() + 0.5) < 1e-6
