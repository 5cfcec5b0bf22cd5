"""Learning rates in cycles, and momentum against them. Smith 2017; Smith & Topin 2019."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gpunn.errors import ArgumentError
from gpunn.optim.lr_scheduler.scheduler import LRScheduler, Rate, check_optimizer, for_each_group, put, state_of
from gpunn.optim.optimizer import Optimizer

MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """lr goes in a line from `base_lr` up to `max_lr` in `step_size_up` steps, down in `step_size_down`, and so on:
    lr = base_lr + (max_lr - base_lr) * h * s, where h runs from 0 to 1 and back and s is the scale. Smith 2017.

    s: 1 ("triangular"), 1/2 of the cycle before ("triangular2"), gamma^t ("exp_range"), or `scale_fn` of the number
    of the cycle, which starts at 1, or of the step t (`scale_mode` "cycle", "iterations"). With `cycle_momentum` the
    momentum, or the first beta, is max_momentum - (max_momentum - base_momentum) * h * s. Step after each batch.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in MODES and scale_fn is None:
            raise ArgumentError(f"mode is invalid and scale_fn is None: {mode!r} is none of {', '.join(MODES)}")
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._choose_scale_mode()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta(optimizer)
            self.base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                put(group, "lr", rate)
            if cycle_momentum:
                start_momentum(optimizer, self.use_beta1, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _choose_scale_mode(self) -> None:
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """The scale of the cycle, or of the step, number `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / (2.0 ** (x - 1))
        return 1.0 if self.mode == "triangular" else self.gamma**x

    def get_lr(self) -> list[Rate]:
        """The rates of step `last_epoch`. Sets the momentum of the groups."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        h = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        s = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        rates = [low + (high - low) * h * s for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]
        if self.cycle_momentum:
            ranges = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in ranges:
                put_momentum(group, self.use_beta1, high - (high - low) * h * s)
        return rates

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        return {**state, "_scale_fn_custom": None if function is None else state_of(function)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        kept = state_dict["_scale_fn_custom"]
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if kept is not None:
            vars(self._scale_fn_custom).update(kept)
        self._choose_scale_mode()


class OneCycleLR(LRScheduler):
    """lr goes from max_lr / div_factor up to `max_lr` in the first `pct_start` of the steps, then down to
    max_lr / (div_factor * final_div_factor). Smith & Topin 2019.

    `total_steps`, or `epochs` times `steps_per_epoch`, is the number of steps. Between two values goes half a cosine
    ("cos") or a line ("linear"). `three_phase`: down to the first rate as fast as up, then to the last. With
    `cycle_momentum` the momentum, or the first beta, goes from `max_momentum` to `base_momentum` and back. `step` comes
    after each batch; ArgumentError after the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _number_of_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = for_each_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta(optimizer)
            base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
            max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for rate, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                start_momentum(optimizer, self.use_beta1, base_momentums, max_momentums)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The rates of step `last_epoch`. Sets the momentum of the groups."""
        self._warn_outside_step()
        t = self.last_epoch
        if t > self.total_steps:
            raise ArgumentError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        start: float = 0
        for phase in self._schedule_phases[:-1]:
            if t <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        end = phase["end_step"]
        done = (t - start) / (end - start) if end != start else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], done))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], done)
                put_momentum(group, self.use_beta1, momentum)
        return rates

    def _between(self, start: Any, end: Any, done: float) -> Any:
        """From `start` (done = 0) to `end` (1)."""
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)
        return (end - start) * done + start


def _number_of_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ArgumentError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(steps: int, up: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which options of a group it goes, as PyTorch keeps them in a state dict."""

    def phase(end: float, rates: tuple[str, str], momentums: tuple[str, str]) -> dict[str, Any]:
        names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        return dict(zip(names, (end, *rates, *momentums), strict=True))

    first = phase(float(up * steps) - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three:
        return [first, phase(steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    back = phase(float(2 * up * steps) - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [first, back, phase(steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]


def uses_beta(optimizer: Optimizer) -> bool:
    """Whether the first of `betas` is the momentum. Raises ArgumentError if there is neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
            f"{type(optimizer).__name__} has neither: cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


def start_momentum(optimizer: Optimizer, use_beta1: bool, low: list[float], high: list[float]) -> None:
    """Begin with the highest momentum, and note the range in the groups."""
    for group, base, top in zip(optimizer.param_groups, low, high, strict=True):
        put_momentum(group, use_beta1, top)
        group["max_momentum"] = top
        group["base_momentum"] = base


def put_momentum(group: dict[str, Any], use_beta1: bool, value: float) -> None:
    """Set the momentum, or the first beta, of a group."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
