"""On a GPU: one launch for all parameters of a dtype, and nothing sent that has not changed."""

import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn import kernels, nn, optim
from gpunn.kernels import many
from gpunn.optim import SGD, Adam, one_launch
from tests.conftest import computing_on

ALL = {
    "sgd": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "adam": lambda p: Adam(p, lr=0.1, weight_decay=0.1),
    "nadam": lambda p: optim.NAdam(p, lr=0.1),
    "radam": lambda p: optim.RAdam(p, lr=0.1, betas=(0.5, 0.9)),
    "adamax": lambda p: optim.Adamax(p, lr=0.1),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.5),
    "adadelta": optim.Adadelta,
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True, eps=0.1),
    "asgd": lambda p: optim.ASGD(p, lr=0.1, lambd=0.5, t0=2),
    "rprop": optim.Rprop,
}
KINDS = {
    "sgd": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "adam": lambda p: Adam(p, lr=0.1, amsgrad=True, maximize=True),
}


@pytest.fixture
def cuda():
    with computing_on("emulated"):
        yield "cuda"


def params(device, shapes=((3, 5), (), (4097,), (0, 2)), dtype=gp.float64):
    rng = np.random.default_rng(0)
    return [gp.tensor(rng.normal(size=s), dtype=dtype, device=device, requires_grad=True) for s in shapes]


def set_grads(ps, seed):
    rng = np.random.default_rng(seed)
    for p in ps:
        p.grad = gp.tensor(rng.normal(size=p.shape), dtype=p.dtype, device=p.device)


def steps(optimizer, ps, n, start=0):
    for seed in range(start, start + n):
        set_grads(ps, seed)
        optimizer.step()


def assert_same(ours, theirs, rtol=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("kind", KINDS)
def test_all_parameters_of_a_dtype_share_a_launch(kind, cuda, launches):
    ps = params(cuda) + params(cuda, dtype=gp.float32)
    steps(KINDS[kind](ps), ps, 3)
    assert launches == [kind] * 6


@pytest.mark.parametrize("kind", KINDS)
def test_groups_and_steps_of_their_own(kind, cuda, launches):
    """Groups with other options, and a parameter that misses some steps."""
    results = {}
    for device in ("cpu", cuda):
        ps = params(device)
        optimizer = KINDS[kind]([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.01, "weight_decay": 0.3}])
        for i in range(6):
            set_grads(ps, i)
            if i in (0, 3):
                ps[1].grad = None
            optimizer.param_groups[0]["lr"] *= 0.5 if i == 4 else 1
            optimizer.step()
        results[device] = ps + [t for s in optimizer.state_dict()["state"].values() for t in s.values()]
    assert_same(results[cuda], results["cpu"])
    assert launches == [kind] * 6


def test_nothing_is_sent_in_a_run_of_equal_steps(cuda, monkeypatch):
    ps = params(cuda)
    optimizer = Adam(ps, lr=0.1)
    set_grads(ps, 0)
    for p in ps:
        p.grad = p.grad.clone()
    optimizer.step()
    launch = next(iter(optimizer._launches.values()))
    sent = launch._table, launch._sets, launch._records
    before = launch._records.get().copy()
    monkeypatch.setattr(one_launch.np, "array", None)  # what is sent is made by it
    monkeypatch.setattr(many.np, "array", None)
    optimizer.step()
    assert all(a is b for a, b in zip(sent, (launch._table, launch._sets, launch._records), strict=True))
    monkeypatch.undo()
    assert (launch._records.get() - before)[:, :2].tolist() == [[1.0, 0.0]]
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert launch._records is sent[2] and launch._records.get()[0, 3] == 0.5
    assert launch._done.get().tolist() == [0, 0]


def test_steps_continue_from_a_loaded_state(cuda):
    ps, expected = params(cuda), params("cpu")
    optimizer, reference = KINDS["adam"](ps), KINDS["adam"](expected)
    steps(optimizer, ps, 2)
    steps(reference, expected, 2)
    saved = copy.deepcopy(optimizer.state_dict())
    steps(optimizer, ps, 1, start=7)
    for p, at in zip(ps, expected, strict=True):
        p.data = at.detach().to(cuda)
    optimizer.load_state_dict(saved)
    steps(optimizer, ps, 2, start=2)
    steps(reference, expected, 2, start=2)
    assert_same(ps, expected)


@pytest.mark.parametrize("kind", ALL)
def test_a_launch_can_be_replayed(kind, cuda, monkeypatch):
    """As in a captured graph: the same launch again, with nothing from the host, is the next step."""
    calls, launch = [], kernels.launch
    ps, expected = params(cuda), params("cpu")
    optimizer, reference = ALL[kind](ps), ALL[kind](expected)
    steps(reference, expected, 1)
    set_grads(ps, 0)
    monkeypatch.setattr(kernels, "launch", lambda *args: calls.append(args) or launch(*args))
    optimizer.step()
    for _ in range(5):
        launch(*calls[0])
        reference.step()
    assert calls[0][1] == kind
    assert_same(ps, expected, rtol=1e-6 if kind == "asgd" else 1e-12)


def test_layouts(cuda, launches):
    """A parameter in channels-last, gradients in another order than the parameter, parameters with gaps."""
    results = []
    for device in ("cpu", cuda):
        weights = np.random.default_rng(0).normal(size=(4, 3, 5, 2))
        last = gp.tensor(weights, device=device).contiguous(memory_format=gp.channels_last).requires_grad_()
        gaps = gp.tensor(weights, device=device)[:, :2].requires_grad_()
        tail = gp.tensor(weights, device=device).reshape(-1)[1:].requires_grad_()
        ps = [last, gaps, tail]
        steps(KINDS["adam"](ps), ps, 3)
        results.append(ps)
    assert_same(results[1], results[0])
    assert launches == ["adam"] * 3


def test_states_of_another_dtype_or_device_are_not_given_to_the_kernel(cuda, launches):
    (p,) = params(cuda, shapes=[(3,)])
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    steps(optimizer, [p], 1)
    p.data = p.detach().float()
    p.grad = gp.ones(3, device=cuda)
    optimizer.step()
    assert launches == ["sgd"] and p.dtype is gp.float32


def test_a_failed_launch_changes_nothing(cuda, monkeypatch):
    ps, expected = params(cuda), params("cpu")
    optimizer, reference = KINDS["adam"](ps), KINDS["adam"](expected)
    steps(optimizer, ps, 1)
    steps(reference, expected, 1)

    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(kernels, "launch", fail)
    with pytest.raises(MemoryError):
        optimizer.step()
    monkeypatch.undo()
    assert optimizer.state[ps[0]]["step"].item() == 1
    steps(optimizer, ps, 2, start=1)
    steps(reference, expected, 2, start=1)
    assert_same(ps, expected)


def test_a_step_counts_as_an_in_place_change(cuda):
    (p,) = params(cuda, shapes=[(3,)])
    y = (p * p).sum()
    set_grads([p], 0)
    SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_empty_parameters(cuda):
    (p,) = params(cuda, shapes=[(0, 3)])
    optimizer = Adam([p])
    steps(optimizer, [p], 2)
    assert optimizer.state[p]["step"].item() == 2


def test_a_module_is_trained(cuda):
    x = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    gp.manual_seed(0)
    model = nn.Linear(4, 1).to(cuda)
    optimizer = Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (model(gp.tensor(x, device=cuda)) - gp.tensor(x.sum(1, keepdims=True), device=cuda)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
