import numpy as np
import pytest

import gpunn as gp


def reference(p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    """The formulas of Sutskever et al. 2013 in PyTorch's form, in float64."""
    v = None
    for grad in grads:
        d = (-grad if maximize else grad) + weight_decay * p
        if momentum:
            v = d if v is None else momentum * v + (1 - dampening) * d
            d = d + momentum * v if nesterov else v
        p = p - lr * d
    return p


CONFIGS = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.3},
    {"lr": 0.05, "momentum": 0.9},
    {"lr": 0.05, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
    {"lr": 0.05, "momentum": 0.8, "nesterov": True},
    {"lr": 0.05, "momentum": 0.8, "maximize": True},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2), (200_000,)])
def test_trajectory(config, shape, device):
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal(shape), [rng.standard_normal(shape) for _ in range(4)]
    p = gp.tensor(start, device=device, requires_grad=True)
    optimizer = gp.optim.SGD([p], **config)
    for grad in grads:
        p.grad = gp.tensor(grad, device=device)
        optimizer.step()
    np.testing.assert_allclose(p.detach().cpu().numpy(), reference(start, grads, **config), rtol=1e-12, atol=1e-14)


def test_the_form_with_one_minus_alpha(device):
    """momentum = dampening = α: p is moved along Σ (1 - α) α^(t-s) d_s, a mean whose weights add up to 1."""
    alpha, lr = 0.7, 0.1
    d = np.random.default_rng(0).standard_normal((6, 5))
    p = gp.zeros(5, dtype=gp.float64, device=device, requires_grad=True)
    optimizer = gp.optim.SGD([p], lr=lr, momentum=alpha, dampening=alpha)
    for t in range(6):
        before = p.detach().clone()
        p.grad = gp.tensor(d[t], device=device)
        optimizer.step()
        weights = np.array([alpha**t, *((1 - alpha) * alpha ** (t - s) for s in range(1, t + 1))])
        assert weights.sum() == pytest.approx(1.0)
        np.testing.assert_allclose((before - p.detach()).cpu().numpy(), lr * weights @ d[: t + 1], rtol=1e-10)


def test_strided_parameters_and_gradients():
    p = gp.zeros(6, 4, dtype=gp.float64).t().requires_grad_()
    grad = np.arange(24.0).reshape(4, 6)
    p.grad = gp.tensor(grad.T.copy()).t()
    gp.optim.SGD([p], lr=0.5, momentum=0.9).step()
    np.testing.assert_allclose(p.detach().numpy(), -0.5 * grad)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_dtypes_are_kept(dtype):
    p = gp.ones(3, dtype=dtype, requires_grad=True)
    optimizer = gp.optim.SGD([p], lr=0.5, momentum=0.5)
    p.grad = gp.ones(3, dtype=dtype)
    optimizer.step()
    optimizer.step()
    assert p.dtype is dtype and p.tolist() == [-0.25] * 3
    assert optimizer.state[p]["momentum_buffer"].dtype is dtype


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_half_types_are_rounded_once_a_step(dtype, device):
    rng = np.random.default_rng(0)
    start, grad = (rng.standard_normal(500).astype(dtype.numpy) for _ in range(2))
    p = gp.tensor(start, device=device, requires_grad=True)
    p.grad = gp.tensor(grad, device=device)
    gp.optim.SGD([p], lr=0.3, weight_decay=0.1).step()
    wide, g = start.astype(np.float32), grad.astype(np.float32)
    wanted = wide - np.float32(0.3) * (g + np.float32(0.1) * wide)
    assert p.tolist() == wanted.astype(dtype.numpy).tolist()
    assert p.grad.tolist() == grad.tolist()


def test_the_first_buffer_is_not_the_gradient():
    p = gp.zeros(2, requires_grad=True)
    p.grad = gp.ones(2)
    optimizer = gp.optim.SGD([p], lr=1.0, momentum=0.9)
    optimizer.step()
    p.grad.zero_()
    assert optimizer.state[p]["momentum_buffer"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"lr": -1.0}, "Invalid learning rate: -1.0"),
        ({"momentum": -0.5}, "Invalid momentum value: -0.5"),
        ({"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ({"nesterov": True}, "Nesterov momentum requires"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "zero dampening"),
        ({"lr": gp.ones(2)}, "1-element"),
    ],
)
def test_options_are_checked(config, text):
    with pytest.raises(ValueError, match=text):
        gp.optim.SGD([gp.ones(1, requires_grad=True)], **config)


def test_learning_rate_as_tensor():
    p = gp.zeros(1, requires_grad=True)
    p.grad = gp.ones(1)
    gp.optim.SGD([p], lr=gp.tensor(0.25)).step()
    assert p.tolist() == [-0.25]


def test_a_state_without_a_buffer(device):
    """Older versions of PyTorch save a momentum buffer that is None."""
    p = gp.zeros(2, device=device, requires_grad=True)
    optimizer = gp.optim.SGD([p], lr=1.0)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": {0: {"momentum_buffer": None}}, "param_groups": groups})
    for momentum in (0.0, 0.5):
        optimizer.param_groups[0]["momentum"] = momentum
        p.grad = gp.ones(2, device=device)
        optimizer.step()
    assert p.tolist() == [-2.0, -2.0] and optimizer.state[p]["momentum_buffer"].tolist() == [1.0, 1.0]


def test_momentum_that_is_switched_off_keeps_its_buffer(device):
    p = gp.zeros(2, device=device, requires_grad=True)
    optimizer = gp.optim.SGD([p], lr=1.0, momentum=0.5)
    for momentum, value in ((0.5, 1.0), (0.0, 2.0), (0.5, 4.0)):
        optimizer.param_groups[0]["momentum"] = momentum
        p.grad = gp.full((2,), value, device=device)
        optimizer.step()
    assert p.tolist() == [-7.5, -7.5] and optimizer.state[p]["momentum_buffer"].tolist() == [4.5, 4.5]
