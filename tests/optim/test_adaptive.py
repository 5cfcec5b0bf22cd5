import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import Adadelta, Adagrad, RMSprop
from tests.optim.trajectory import TOLERANCE, check_trajectory, name_of


def adagrad(
    p, grads, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False
):
    """Duchi, Hazan & Singer 2011, in PyTorch's form."""
    total = np.full_like(p, initial_accumulator_value)
    for t, g in enumerate(grads):
        g = (-g if maximize else g) + weight_decay * p
        total = total + g**2
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
    return p


def adadelta(p, grads, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    """Zeiler 2012, Algorithm 1."""
    squares = deltas = np.zeros_like(p)
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        squares = rho * squares + (1 - rho) * g**2
        delta = np.sqrt((deltas + eps) / (squares + eps)) * g
        deltas = rho * deltas + (1 - rho) * delta**2
        p = p - lr * delta
    return p


def rmsprop(p, grads, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False):
    """Tieleman & Hinton 2012; Graves 2013, equations 38 to 41 if centered."""
    squares = mean = buffer = np.zeros_like(p)
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        squares = alpha * squares + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        delta = g / (np.sqrt(squares - mean**2 if centered else squares) + eps)
        buffer = momentum * buffer + delta
        p = p - lr * buffer
    return p


CASES = [
    (Adagrad, adagrad, {}),
    (Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.2, "initial_accumulator_value": 0.3}),
    (Adagrad, adagrad, {"lr": 0.1, "eps": 0.1, "maximize": True}),
    (Adadelta, adadelta, {}),
    (Adadelta, adadelta, {"lr": 0.5, "rho": 0.6, "eps": 1e-3, "weight_decay": 0.2, "maximize": True}),
    (RMSprop, rmsprop, {}),
    (RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.8, "eps": 0.1, "momentum": 0.7, "weight_decay": 0.2}),
    (RMSprop, rmsprop, {"alpha": 0.9, "centered": True, "eps": 1e-2, "maximize": True}),
    (RMSprop, rmsprop, {"alpha": 0.9, "centered": True, "eps": 1e-2, "momentum": 0.5}),
]


@pytest.mark.parametrize(("kind", "reference", "config"), CASES, ids=name_of)
def test_trajectory(kind, reference, config, device):
    check_trajectory(kind, reference, config, device)


@pytest.mark.parametrize("dtype", sorted(set(TOLERANCE) - {"float64"}))
@pytest.mark.parametrize(("kind", "reference", "config"), [CASES[1], CASES[4], CASES[6]], ids=name_of)
def test_dtypes(kind, reference, config, dtype, device):
    check_trajectory(kind, reference, config, device, dtype)


def test_state_names():
    p = gp.ones(2, requires_grad=True)
    optimizer = Adagrad([p], initial_accumulator_value=0.5)
    assert list(optimizer.state[p]) == ["step", "sum"] and optimizer.state[p]["sum"].tolist() == [0.5, 0.5]
    p.grad = gp.ones(2)
    for kind, options, names in (
        (Adadelta, {}, ["step", "square_avg", "acc_delta"]),
        (RMSprop, {}, ["step", "square_avg"]),
        (RMSprop, {"momentum": 0.1, "centered": True}, ["step", "square_avg", "momentum_buffer", "grad_avg"]),
    ):
        optimizer = kind([p], **options)
        optimizer.step()
        assert list(optimizer.state[p]) == names and optimizer.state[p]["step"].item() == 1


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        (Adagrad, {"lr": -1}, "Invalid learning rate: -1"),
        (Adagrad, {"lr_decay": -0.5}, "Invalid lr_decay value: -0.5"),
        (Adagrad, {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value value: -1"),
        (Adagrad, {"fused": True, "foreach": True}, "cannot be `True` together"),
        (Adadelta, {"rho": 1.1}, "Invalid rho value: 1.1"),
        (Adadelta, {"eps": -1}, "Invalid epsilon value: -1"),
        (RMSprop, {"momentum": -1.0}, "Invalid momentum value: -1.0"),
        (RMSprop, {"alpha": -1.0}, "Invalid alpha value: -1.0"),
    ],
)
def test_options_are_checked(kind, config, text):
    with pytest.raises(ValueError, match=text):
        kind([gp.ones(1, requires_grad=True)], **config)
