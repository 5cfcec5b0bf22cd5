"""Steps of optimizers in captured graphs: rates and counts follow the host, and the host's counts the graph."""

import copy
import pickle

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture, emulator
from gpunn.capture import CaptureError

OPTIMIZERS = {
    "SGD": lambda p: gp.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "SGD plain": lambda p: gp.optim.SGD(p, lr=0.1),
    "Adam": lambda p: gp.optim.Adam(p, lr=1e-2, amsgrad=True),
    "AdamW": lambda p: gp.optim.AdamW(p, lr=1e-2),
    "NAdam": gp.optim.NAdam,
    "RAdam": lambda p: gp.optim.RAdam(p, lr=1e-2),
    "Adamax": gp.optim.Adamax,
    "Adagrad": lambda p: gp.optim.Adagrad(p, lr_decay=0.1),
    "Adadelta": gp.optim.Adadelta,
    "RMSprop": lambda p: gp.optim.RMSprop(p, momentum=0.5, centered=True),
    "Rprop": gp.optim.Rprop,
    "ASGD": lambda p: gp.optim.ASGD(p, t0=3),
}


def problem(make):
    """Two parameters, an optimizer and a step along a changing gradient."""
    rng = np.random.default_rng(0)
    params = [gp.nn.Parameter(gp.tensor(rng.standard_normal(s).astype("f4"), device="cuda")) for s in ((3, 5), (7,))]
    optimizer = make(params)

    def step(x):
        optimizer.zero_grad()
        loss = (params[0] * x).sum() + (params[1] ** 2).sum() + (params[0] ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss

    return params, optimizer, step


def states(params, optimizer):
    """Everything that a step changes, as lists."""
    found = [[p.tolist(), *[optimizer.state[p][name].tolist() for name in sorted(optimizer.state[p])]] for p in params]
    return found


@pytest.fixture(autouse=True)
def emulated():
    problem = emulator.compiler_problem()
    if problem is not None:
        pytest.skip(problem)
    with emulator.enable():
        yield


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replays_are_eager_steps(name):
    eager, captured = problem(OPTIMIZERS[name]), problem(OPTIMIZERS[name])
    step = gp.compile(captured[2])
    rng = np.random.default_rng(1)
    for i in range(9):
        if i == 5:
            for _, optimizer, _ in (eager, captured):
                optimizer.param_groups[0]["lr"] *= 0.25
        x = gp.tensor(rng.standard_normal((3, 5)).astype("f4"), device="cuda")
        with capture.noting(None):
            wanted = eager[2](x).item()
        if i == 6:  # a step between replays
            captured[2](x)
        else:
            assert step(x).item() == wanted
    assert states(*eager[:2]) == states(*captured[:2])
    assert len(step.steps.graphs) == 1


def test_counts_are_brought_up_to_date():
    params, optimizer, function = problem(OPTIMIZERS["Adam"])
    step, x = gp.compile(function), gp.ones(3, 5, device="cuda")
    for _ in range(5):
        step(x)
    assert len(step.steps.graphs) == 1
    assert optimizer.state_dict()["state"][0]["step"].item() == 5
    step(x)
    assert optimizer.state[params[1]]["step"].item() == 6
    step(x)
    assert pickle.loads(pickle.dumps(optimizer)).state_dict()["state"][1]["step"].item() == 7


def test_loaded_states_are_recorded_anew():
    eager, captured = problem(OPTIMIZERS["Adam"]), problem(OPTIMIZERS["Adam"])
    step, x = gp.compile(captured[2]), gp.ones(3, 5, device="cuda")
    saved = copy.deepcopy(captured[1].state_dict())
    for _ in range(4):
        step(x)
    first = step.steps.graphs.copy()
    captured[1].load_state_dict(saved)
    for p, q in zip(captured[0], eager[0], strict=True):
        p.data.copy_(q.data)
    for _ in range(5):
        with capture.noting(None):
            wanted = eager[2](x).item()
        assert step(x).item() == wanted
    assert states(*eager[:2]) == states(*captured[:2])
    assert [*first.values()] != [*step.steps.graphs.values()]


def test_steps_without_a_kernel_are_refused():
    params, _, _ = problem(OPTIMIZERS["SGD"])
    optimizer = gp.optim.Adam(params, lr=1e-2)

    @gp.compile
    def step(x):
        optimizer.zero_grad()
        (params[0] * x).sum().backward()
        optimizer.step()

    x = gp.ones(3, 5, device="cuda")
    step(x)
    step(x)
    state = optimizer.state[params[0]]
    state["exp_avg"] = state["exp_avg"].double()
    with pytest.raises(
        CaptureError, match=r"`step` cannot be part .* stepped by a kernel .*optimizer\.step\(\)|Adam\.step"
    ):
        step(x)
