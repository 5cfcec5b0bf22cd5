import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn.optim import LBFGS


def rosenbrock(device, dtype=gp.float64, **options):
    """Two parameters with the minimum at (1, 1), an optimiser, and its closure, which counts its calls."""
    x = gp.tensor([-1.2], dtype=dtype, device=device, requires_grad=True)
    y = gp.tensor([[1.0]], dtype=dtype, device=device, requires_grad=True)
    optimizer = LBFGS([x, y], **options)

    def closure():
        closure.calls += 1
        optimizer.zero_grad()
        loss = (100 * (y.reshape(1) - x * x) ** 2 + (1 - x) ** 2).sum()
        loss.backward()
        return loss

    closure.calls = 0
    return [x, y], optimizer, closure


@pytest.mark.parametrize("history_size", [2, 100])
def test_the_minimum_is_found(history_size, device):
    params, optimizer, closure = rosenbrock(device, line_search_fn="strong_wolfe", history_size=history_size)
    losses = [optimizer.step(closure).item() for _ in range(8)]
    assert losses == sorted(losses, reverse=True) and losses[0] == pytest.approx(24.2)
    np.testing.assert_allclose([p.item() for p in params], [1.0, 1.0], rtol=1e-4)
    state = optimizer.state[params[0]]
    assert state["func_evals"] == closure.calls and len(state["old_dirs"]) <= history_size


def test_a_parabola_is_solved_in_a_few_steps(device):
    """Gradient descent takes hundreds of them for this condition number."""
    weights = gp.tensor([1.0, 10.0, 100.0], dtype=gp.float64, device=device)
    x = gp.ones(3, dtype=gp.float64, device=device, requires_grad=True)
    optimizer = LBFGS([x], line_search_fn="strong_wolfe", max_iter=25)

    def closure():
        optimizer.zero_grad()
        loss = (weights * x * x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert abs(x).max().item() < 1e-4


def test_steps_without_a_search():
    """The first is lr min(1, 1 / |g|_1) g; the second takes the Hessian from it: exact along one dimension."""
    x = gp.tensor([8.0], dtype=gp.float64, requires_grad=True)
    optimizer, path = LBFGS([x], max_iter=1), []

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
        path.append(x.item())
    assert path[0] == 7.0 and abs(path[1]) < 1e-12


def test_limits_of_a_step():
    params, optimizer, closure = rosenbrock("cpu", lr=1e-3, max_iter=4, max_eval=3)
    optimizer.step(closure)
    assert closure.calls == 3 and optimizer.state[params[0]]["n_iter"] == 2
    params, optimizer, closure = rosenbrock("cpu", tolerance_grad=1e6)
    optimizer.step(closure)
    assert closure.calls == 1 and params[0].item() == -1.2
    params, optimizer, closure = rosenbrock("cpu", lr=1e-3, tolerance_change=1e6)
    optimizer.step(closure)
    assert closure.calls == 1 and params[0].item() == -1.2
    assert LBFGS(params, max_iter=8).defaults["max_eval"] == 10


def test_training_resumes_from_a_state_dict():
    def options():
        return {"line_search_fn": "strong_wolfe", "max_iter": 5}

    straight, optimizer, closure = rosenbrock("cpu", **options())
    optimizer.step(closure)
    saved = copy.deepcopy(optimizer.state_dict())
    resumed, other, again = rosenbrock("cpu", **options())
    for p, q in zip(resumed, straight, strict=True):
        p.data = q.detach().clone()
    other.load_state_dict(saved)
    optimizer.step(closure)
    other.step(again)
    assert [p.item() for p in straight] == [p.item() for p in resumed]
    assert other.state_dict()["state"][0]["n_iter"] == optimizer.state_dict()["state"][0]["n_iter"]


def test_a_closure_that_fails_in_a_search_leaves_the_parameters():
    params, optimizer, closure = rosenbrock("cpu", line_search_fn="strong_wolfe")

    def failing():
        if closure.calls == 1:
            raise ZeroDivisionError
        return closure()

    with pytest.raises(ZeroDivisionError):
        optimizer.step(failing)
    assert [p.item() for p in params] == [-1.2, 1.0]


def test_parameters_without_a_gradient_stay():
    x, y = (gp.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = LBFGS([x, y], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert y.item() == 1.0 and x.item() < 1.0


def test_arguments_are_checked():
    p = gp.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        LBFGS([p], lr=-1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        LBFGS([p], line_search_fn="wolfe")
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        LBFGS([{"params": [p]}, {"params": [gp.ones(1, requires_grad=True)]}])
    with pytest.raises(TypeError, match="needs a closure"):
        LBFGS([p]).step()
