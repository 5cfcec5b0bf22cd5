"""The promised schedulers beside PyTorch's: 100 steps of many configurations to the bit, states that move both ways."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import gpunn as gp
from tests.oracle import bridge, promised
from tests.oracle.bridge import Twins
from tests.oracle.schedules import BROKEN, CONFIGS, SETTERS, Build, metric
from tests.oracle.scores import Tally

pytestmark = pytest.mark.filterwarnings("ignore:scheduler.step:UserWarning", "ignore:The epoch parameter:UserWarning")

STEPS, MIDDLE = 100, 37
PROMISES = [p for p in promised.promises("Scheduler") if p.name in CONFIGS]
OF_OTHERS = ("SequentialLR", "ChainedScheduler")  # what is checked of their parts is not checked again


def by_name(*without: str) -> Any:
    """A test for each promised scheduler, but for those `without` the thing."""
    chosen = [p for p in PROMISES if not p.name.endswith(without)] if without else PROMISES
    return pytest.mark.parametrize("promise", chosen, ids=[p.name for p in chosen])


def test_every_promise_has_configurations() -> None:
    assert {p.name for p in promised.promises("Scheduler") if p.infos} == set(CONFIGS)


class Run:
    """An optimizer with a scheduler, of torch or of gpunn."""

    def __init__(self, lib: Any, setter: Callable[[Any], Any], build: Build) -> None:
        self.lib = lib
        self.optimizer = setter(lib)
        with warnings.catch_warnings(record=True) as caught:  # both warn of schedulers in schedulers
            warnings.simplefilter("always")
            self.scheduler = build(lib, self.optimizer)
        self.warnings = [w.category for w in caught]

    def step(self, t: int, epoch: Any = None) -> None:
        self.optimizer.step()
        takes_metric = "metrics" in self.scheduler.step.__code__.co_varnames
        arguments = (metric(t),) if takes_metric else ()
        self.scheduler.step(*arguments, *(() if epoch is None else (epoch,)))

    def seen(self) -> Any:
        """All that a scheduler changes."""
        groups = [{k: plain(v) for k, v in g.items() if k != "params"} for g in self.optimizer.param_groups]
        keys = ("lr", "initial_lr", "momentum", "betas", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr")
        return plain(self.scheduler.get_last_lr()), [{k: g[k] for k in keys if k in g} for g in groups]

    def states(self) -> tuple[Any, Any]:
        return copy.deepcopy(self.optimizer.state_dict()), copy.deepcopy(self.scheduler.state_dict())

    def load(self, states: tuple[Any, Any]) -> None:
        self.optimizer.load_state_dict(states[0])
        self.scheduler.load_state_dict(states[1])


def plain(value: Any) -> Any:
    """`value` with tensors as numbers, tuples as lists, sorted dicts: what == compares in both libraries."""
    if isinstance(value, (torch.Tensor, gp.Tensor)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return {k: plain(value[k]) for k in sorted(value)} if isinstance(value, dict) else value


def pairs(name: str) -> list[tuple[str, Callable[[Any], Any], Build]]:
    return [(f"{kind}, {text}", setter, build) for kind, setter in SETTERS.items() for text, build in CONFIGS[name]]


def judged(tally: Tally, promise: promised.Promise, check: str, judge: Callable[..., str | None]) -> None:
    """Add what `judge` says about each configuration."""
    with tally.about("Scheduler", promise.name, check):
        for text, setter, build in pairs(promise.name):
            if bridge.lookup(gp, promise.name) is None:
                tally.add("missing", text)
                continue
            try:
                wrong = judge(setter, build)
            except Exception as error:
                wrong = f"{type(error).__name__}: {error}"
            tally.add(wrong, text)


def both(setter: Any, build: Build) -> tuple[Run, Run]:
    return Run(torch, setter, build), Run(gp, setter, build)


def differ(theirs: Run, ours: Run, when: str) -> str | None:
    a, b = ours.seen(), theirs.seen()
    return None if a == b else f"{when}: {a}, expected {b}"


@by_name()
def test_path(promise: promised.Promise, tally: Tally) -> None:
    """The rates, and what else is set, are the same bits at each of 100 steps; so is the state at the end."""

    def judge(setter: Any, build: Build) -> str | None:
        theirs, ours = both(setter, build)
        if ours.warnings != theirs.warnings:
            return f"warns {ours.warnings}, expected {theirs.warnings}"
        for t in range(STEPS):
            if wrong := differ(theirs, ours, f"step {t}"):
                return wrong
            for run in (theirs, ours):
                run.step(t)
        a, b = plain(ours.scheduler.state_dict()), plain(theirs.scheduler.state_dict())
        return None if a == b else f"state dict {a}, expected {b}"

    judged(tally, promise, "path", judge)


@by_name(*OF_OTHERS)
def test_epochs(promise: promised.Promise, tally: Tally) -> None:
    """step(epoch) goes to any epoch by the closed form, where there is one; steps from there on go by the other."""

    def judge(setter: Any, build: Build) -> str | None:
        theirs, ours = both(setter, build)
        for t, epoch in enumerate((0, 3, None, 17, 40, None, None, 5, 60, 12)):
            for run in (theirs, ours):
                run.step(t, epoch)
            if wrong := differ(theirs, ours, f"epoch {epoch}, number {t}"):
                return wrong
        return None

    judged(tally, promise, "epochs", judge)


@by_name()
@pytest.mark.parametrize(("source", "target"), [("gp", "gp"), ("torch", "gp"), ("gp", "torch")])
def test_state_moves(promise: promised.Promise, source: str, target: str, tally: Tally) -> None:
    """A state that is loaded midway goes on as if nothing had happened, also in the other library."""
    libs = {"gp": gp, "torch": torch}

    def judge(setter: Any, build: Build) -> str | None:
        before, after = Run(libs[source], setter, build), Run(libs[target], setter, build)
        for t in range(MIDDLE):
            before.step(t)
        states = before.states()
        kept = plain(states)
        after.load(tuple(moved(s, libs[target]) for s in states))  # type: ignore[arg-type]
        if plain(states) != kept:
            return "loading has changed the state"
        for t in range(MIDDLE, STEPS):
            for run in (before, after):
                run.step(t)
            if wrong := differ(before, after, f"step {t}"):
                return wrong
        return None

    judged(tally, promise, f"state {source} to {target}", judge)


def moved(state: Any, lib: Any) -> Any:
    """`state` with tensors of `lib`."""
    if lib is gp:
        return Twins().of(state)
    if isinstance(state, gp.Tensor):
        return torch.tensor(state.tolist(), dtype=torch.float64)
    if isinstance(state, (list, tuple)):
        return type(state)(moved(s, lib) for s in state)
    return type(state)((k, moved(v, lib)) for k, v in state.items()) if type(state) is dict else state


@by_name(*OF_OTHERS, "ReduceLROnPlateau")
def test_resumed(promise: promised.Promise, tally: Tally) -> None:
    """A scheduler that is made with last_epoch=k on groups that know their first rates."""

    def judge(setter: Any, build: Build) -> str | None:
        runs = []
        for lib in (torch, gp):
            run = Run(lib, setter, build)
            for t in range(7):
                run.step(t)
            run.scheduler = build(lib, run.optimizer, last_epoch=6)
            for t in range(7, 20):
                run.step(t)
            runs.append(run)
        return differ(*runs, "after 13 steps")

    judged(tally, promise, "resumed", judge)


@by_name()
def test_errors(promise: promised.Promise, tally: Tally) -> None:
    """Where PyTorch refuses the arguments, so do we, with the same class, and the optimizer stays as it was."""
    with tally.about("Scheduler", promise.name, "errors"):
        for text, build in BROKEN.get(promise.name, []):
            optimizers = [SETTERS["SGD"](lib) for lib in (torch, gp)]
            try:
                build(torch, optimizers[0])
                tally.add("PyTorch takes it", text)
                continue
            except Exception as error:
                theirs = error
            for group in optimizers[1].param_groups:  # the schedulers in a scheduler have noted these
                if "last_epoch" not in text:
                    group["initial_lr"] = group["lr"]
            before = repr(optimizers[1])
            try:
                build(gp, optimizers[1])
                wrong: str | None = f"does not raise {type(theirs).__name__}: {theirs}"
            except Exception as error:
                is_alike = isinstance(error, type(theirs)) and str(error)
                wrong = None if is_alike else f"raises {error!r}, expected {theirs!r}"
            if wrong is None and repr(optimizers[1]) != before:
                wrong = f"changed {before}, now {optimizers[1]}"
            tally.add(wrong, text)


@by_name()
def test_no_optimizer(promise: promised.Promise) -> None:
    with pytest.raises(TypeError, match="NoneType"):
        CONFIGS[promise.name][0][1](gp, None)


@pytest.mark.parametrize("case", ["right", "scheduler first", "replaced step", "get_lr"])
def test_warnings_are_those_of_pytorch(case: str) -> None:
    counts = []
    for lib in (torch, gp):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer = SETTERS["SGD"](lib)
            scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 3)
            if case == "replaced step":
                optimizer.step = lambda: None
            for _ in range(3):
                if case != "scheduler first":
                    optimizer.step()
                scheduler.step()
            if case == "get_lr":
                scheduler.get_lr()
        counts.append([w.category for w in caught])
    assert counts[0] == counts[1] == ([] if case == "right" else [UserWarning])


def test_plateau_in_a_group_that_came_later() -> None:
    """One limit holds for new groups, too; a list of limits does not."""
    for min_lr in (0.01, [0.01, 0.02]):
        results: list[Any] = []
        for lib in (torch, gp):
            optimizer = SETTERS["SGD"](lib)
            scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=min_lr)
            optimizer.add_param_group({"params": [lib.zeros(1, requires_grad=True)], "lr": 7.0})
            try:
                for _ in range(3):
                    scheduler.step(1.0)
                results.append([g["lr"] for g in optimizer.param_groups])
            except RuntimeError:
                results.append("refused")
        assert results[0] == results[1]
