"""The promised optimisers in every configuration of PyTorch's database: the same trajectory, step by step."""

from __future__ import annotations

import copy
import functools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import gpunn as gp
from tests.oracle import bridge, checks, promised
from tests.oracle.bridge import Twins
from tests.oracle.compare import Tolerance, difference
from tests.oracle.scores import Tally

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

STEPS = 20
LIMIT = Tolerance(1e-12, 1e-14, 0)
DIVERGED = 1e30  # from there on each step multiplies what rounding has done
HISTORY = (
    "al",
    "ro",
    "H_diag",
    "t",
    "old_dirs",
    "old_stps",
)  # of LBFGS: PyTorch has numbers in tensors; quotients of noise
COUNTS = ("step", "mu_product", "eta", "mu")  # numbers that gpunn keeps on the CPU
INFOS: dict[str, Any] = {f"optim.{info.name}": info for info in optim_db}
PROMISES = promised.promises("Optimizer")
FLOAT64 = torch.float64


@pytest.mark.parametrize("promise", PROMISES, ids=[p.name for p in PROMISES])
@pytest.mark.parametrize("groups", [1, 2])
def test_trajectory(promise: promised.Promise, groups: int, tally: Tally) -> None:
    """With all parameters in one group, and with two groups of different settings."""
    with tally.about("Optimizer", promise.name, "trajectory"):
        info, ours = INFOS[promise.name], bridge.lookup(gp, promise.name)
        one_group_only = groups == 2 and info.optim_cls is torch.optim.LBFGS
        for config in info.optim_inputs_func(device="cpu", dtype=FLOAT64):
            text = f"{config.desc}: {config.kwargs}"
            if ours is None:
                tally.add("missing", text)
            elif one_group_only:
                tally.add(refusal(info.optim_cls, ours, config.kwargs), text)
            else:
                tally.add(judge(info.optim_cls, ours, config.kwargs, groups), text)


def refusal(theirs: Any, ours: Any, settings: dict[str, Any]) -> str | None:
    """Both take one group of parameters only."""
    with pytest.raises(ValueError, match="parameter groups") as caught:
        theirs(grouped([torch.zeros(1), torch.zeros(1)], 2), **settings)
    mine = grouped([gp.zeros(1), gp.zeros(1)], 2)
    return checks.must_raise(lambda: ours(mine, **Twins().of(settings)), caught.value, Twins())


def judge(theirs: Any, ours: Any, settings: dict[str, Any], groups: int) -> str | None:
    torch.manual_seed(0)
    start = [torch.randn(5, 3, dtype=FLOAT64), torch.randn(3, dtype=FLOAT64), torch.randn((), dtype=FLOAT64)]
    params = [x.clone().requires_grad_() for x in start]
    my_params = [gp.tensor(x.tolist(), dtype=gp.float64, requires_grad=True) for x in start]
    try:
        optimizer = theirs(grouped(params, groups), **settings)
        mine = ours(grouped(my_params, groups), **Twins().of(settings))
        for step in range(STEPS):
            for each, values in ((optimizer, params), (mine, my_params)):
                each.step(functools.partial(evaluated, each, values))
            for i, (a, b) in enumerate(zip(my_params, params, strict=True)):
                if wrong := difference(a, b, tolerance=LIMIT):
                    return f"step {step}, parameter {i}: {wrong}"
            if max(float(b.detach().abs().max()) for b in params) > DIVERGED:
                return None
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return state_difference(mine.state_dict(), optimizer.state_dict())


def evaluated(optimizer: Any, params: list[Any]) -> Any:
    """The loss, with its gradients in the parameters. LBFGS asks for it several times in a step."""
    optimizer.zero_grad()
    result = loss(params)
    result.backward()
    return result


def grouped(params: list[Any], groups: int) -> Any:
    return params if groups == 1 else [{"params": params[:1]}, {"params": params[1:], "lr": 0.005}]


def loss(params: list[Any]) -> Any:
    """A function of the parameters that is not convex, written in operators only."""
    w, b, c = params
    y = w * w * w - w * b + c
    return (y * y * 0.01 + w * w).sum()


def state_difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    """The state dicts have the same keys and values, so that an optimiser's state can move."""
    if list(ours) != list(theirs) or list(ours["state"]) != list(theirs["state"]):
        return f"state dict of {list(ours)} and {list(ours['state'])}, expected {list(theirs)}"
    for i, entry in theirs["state"].items():
        for key, b in entry.items():
            a = ours["state"][i].get(key)
            if key in HISTORY:
                if not np.allclose(numbers(a), numbers(b), rtol=1e-6, atol=1e-12, equal_nan=True):
                    return f"state {i}, {key}: {a}, expected {b}"
                continue
            a = a.to(Twins.device) if key in COUNTS and a is not None else a
            if wrong := difference(a, b, tolerance=LIMIT):
                return f"state {i}, {key}: {wrong}"
    for a, b in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        for key in ("params", "lr", "weight_decay", "maximize", "momentum", "betas", "eps", "amsgrad"):
            if key in b and not isinstance(b[key], torch.Tensor) and a.get(key) != b[key]:
                return f"param_groups {key}: {a.get(key)!r}, expected {b[key]!r}"
    return None


def numbers(value: Any) -> list[float]:
    """All numbers in a nest of lists and tensors; None is NaN."""
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in numbers(v)]
    if isinstance(value, (torch.Tensor, gp.Tensor)):
        return [float(x) for x in value.detach().reshape(-1).tolist()]
    return [float("nan") if value is None else float(value)]


@pytest.mark.parametrize("promise", PROMISES, ids=[p.name for p in PROMISES])
@pytest.mark.parametrize("target", ["gpunn", "torch"])
def test_state_moves(promise: promised.Promise, target: str, tally: Tally) -> None:
    """An optimizer that gets its state from the other library goes on as with one from its own."""
    with tally.about("Optimizer", promise.name, f"state to {target}"):
        info, ours = INFOS[promise.name], bridge.lookup(gp, promise.name)
        for config in info.optim_inputs_func(device="cpu", dtype=FLOAT64):
            text = f"{config.desc}: {config.kwargs}"
            tally.add("missing" if ours is None else moved(info.optim_cls, ours, config.kwargs, target), text)


def moved(theirs: Any, ours: Any, settings: dict[str, Any], target: str) -> str | None:
    torch.manual_seed(0)
    start = [torch.randn(5, 3, dtype=FLOAT64), torch.randn(3, dtype=FLOAT64), torch.randn((), dtype=FLOAT64)]
    settings = {**settings, "max_iter": 3} if theirs is torch.optim.LBFGS else settings
    to_ours = target == "gpunn"
    make = functools.partial(ours, **Twins().of(settings)) if to_ours else functools.partial(theirs, **settings)
    convert = Twins().of if to_ours else to_torch
    results = []
    for kind in (theirs, ours):  # the source of the state
        params = from_torch(start) if kind is ours else [x.clone().requires_grad_() for x in start]
        optimizer = kind(params, **(Twins().of(settings) if kind is ours else settings))
        for _ in range(5):
            optimizer.step(functools.partial(evaluated, optimizer, params))
        copies = [convert(p.detach()).clone().requires_grad_() for p in params]
        other = make(copies)
        other.load_state_dict(convert(copy.deepcopy(optimizer.state_dict())))
        for _ in range(5):
            other.step(functools.partial(evaluated, other, copies))
        results.append([x for p in copies for x in numbers(p)])
    same = np.allclose(*results, rtol=LIMIT.rtol, atol=LIMIT.atol)
    return None if same else f"{results[1]}, expected {results[0]}"


def from_torch(values: list[Any]) -> list[Any]:
    return [gp.tensor(x.tolist(), dtype=gp.float64, device=Twins.device, requires_grad=True) for x in values]


def to_torch(state: Any) -> Any:
    if isinstance(state, gp.Tensor):
        return torch.tensor(state.tolist(), dtype=getattr(torch, state.dtype.name))
    if isinstance(state, (list, tuple)):
        return type(state)(to_torch(s) for s in state)
    return {k: to_torch(v) for k, v in state.items()} if isinstance(state, dict) else state


LBFGS = [{"lr": 1e-3}, {"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "history_size": 3}]


@pytest.mark.parametrize("settings", [*LBFGS, {"lr": 0.01, "max_iter": 4, "max_eval": 3}], ids=str)
def test_lbfgs(settings: dict[str, Any]) -> None:
    """The same path, and as many evaluations; rounding grows from step to step, so the limit is wider."""
    paths = []
    for lib in (torch, gp):
        x = lib.tensor([-1.2, 1.0, 0.7], dtype=lib.float64, requires_grad=True)
        optimizer = lib.optim.LBFGS([x], **settings)

        def closure(x: Any = x, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (100 * (x[1:] - x[:-1] * x[:-1]) ** 2 + (1 - x[:-1]) ** 2).sum()
            loss.backward()
            return loss

        path = []
        for _ in range(5):
            loss = optimizer.step(closure).item()
            path.append([loss, *x.tolist(), optimizer.state[x]["func_evals"], optimizer.state[x]["n_iter"]])
        paths.append(path)
    np.testing.assert_allclose(paths[1], paths[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("promise", PROMISES, ids=[p.name for p in PROMISES])
def test_error(promise: promised.Promise, tally: Tally) -> None:
    """Where an optimiser of PyTorch refuses its arguments, so does ours."""
    excuses = promised.excuses()
    with tally.about("Optimizer", promise.name, "errors"):
        info, ours = INFOS[promise.name], bridge.lookup(gp, promise.name)
        for case in info.optim_error_inputs_func(device="cpu", dtype=FLOAT64):
            text = f"{case.optimizer_error_input.desc}: {case.optimizer_error_input.kwargs}"
            if any(excuse.covers(promise.name, "errors", text) for excuse in excuses):
                tally.skipped += 1
                continue
            tally.add("missing" if ours is None else error(ours, case), text)


def error(ours: Any, case: Any) -> str | None:
    given, twins = case.optimizer_error_input, Twins()
    params = [torch.randn(3, dtype=FLOAT64, requires_grad=True)] if given.params is None else given.params

    def act() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # PyTorch warns of one of the mistakes
            optimizer = ours(twins.of(params), **twins.of(given.kwargs))
        if case.error_on is OptimizerErrorEnum.STEP_ERROR:
            optimizer.step()

    return checks.must_raise(act, case.error_type(case.error_regex), twins)


@pytest.mark.parametrize("settings", [{}, {"nesterov": False}, {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw"}], ids=str)
@pytest.mark.parametrize("shape", [(4, 4), (9, 3), (3, 16)])
def test_muon(settings: dict[str, Any], shape: tuple[int, int]) -> None:
    """Its directions are rounded to bfloat16 after each product, and products are added up in other orders."""
    paths = []
    for lib in (torch, gp):
        torch.manual_seed(0)
        start, targets = torch.randn(shape, dtype=FLOAT64), torch.randn((5, *shape), dtype=FLOAT64)
        p, goals = (start, targets) if lib is torch else [x.to(Twins.device) for x in Twins().of([start, targets])]
        p = p.detach().clone().requires_grad_()
        optimizer = lib.optim.Muon([p], **settings)
        for goal in goals:
            optimizer.zero_grad()
            ((p - goal) ** 2).sum().backward()
            optimizer.step()
        paths.append(np.array([p.tolist(), optimizer.state[p]["momentum_buffer"].tolist()]))
    np.testing.assert_allclose(paths[1], paths[0], atol=0.03 * settings.get("lr", 1e-3))
