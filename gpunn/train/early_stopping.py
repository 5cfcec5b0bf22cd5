"""EarlyStopping: stop when the validation no longer gets better, and go back to the best weights."""

from __future__ import annotations

import copy
import math
from typing import Any, Final, SupportsFloat

from gpunn.errors import ArgumentError
from gpunn.nn.module import Module
from gpunn.tensor import Tensor

_KEPT: Final = ("best", "best_epoch", "epoch", "bad_epochs", "stopped", "weights")  # in the state dict


class EarlyStopping:
    """Says when to stop: after `patience` epochs in a row whose metric was not better than the best one.

        stopping = EarlyStopping(patience=3)
        for epoch in range(100):
            train(model)
            if stopping.step(validate(model), model):
                break
        stopping.restore(model)

    Better is below best - min_delta (mode "min") or above best + min_delta ("max"); NaN never is. With `restore_best`
    the state of the model is copied in each epoch that is better, on the device where it is, and goes back into the
    model when `step` returns True, or by `restore`. Prechelt 1998; Goodfellow et al. 2016, algorithm 7.1.

    `best`: the best metric; `best_epoch`: the epoch it came from, the first is 0; `bad_epochs`: how many are behind
    it; `stopped`: whether `step` has returned True.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0, restore_best: bool = True, mode: str = "min") -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ArgumentError(f"EarlyStopping: expected patience of at least 1 epoch, got {patience!r}")
        if not min_delta >= 0:
            raise ArgumentError(f"EarlyStopping: expected min_delta >= 0, got {min_delta}")
        if mode not in ("min", "max"):
            raise ArgumentError(f'EarlyStopping: expected mode "min" or "max", got {mode!r}')
        self.patience, self.min_delta, self.restore_best, self.mode = patience, min_delta, restore_best, mode
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch: int | None = None
        self.epoch = 0
        self.bad_epochs = 0
        self.stopped = False
        self.weights: dict[str, Any] | None = None

    def step(self, metric: SupportsFloat, model: Module | None = None) -> bool:
        """Take note of the metric of an epoch, a number or a 0-d tensor; whether to stop now.

        `model` is needed if `restore_best`. Waits for a metric on a GPU.
        """
        if self.restore_best and model is None:
            raise ArgumentError("EarlyStopping.step: restore_best needs the model: step(metric, model)")
        value = float(metric)
        if self._is_better(value):
            if self.restore_best and model is not None:
                self._keep(model)
            self.best, self.best_epoch, self.bad_epochs = value, self.epoch, 0
        else:
            self.bad_epochs += 1
        self.epoch += 1
        if self.bad_epochs >= self.patience:
            self.stopped = True
            if self.restore_best and model is not None:
                self.restore(model)
        return self.stopped

    def restore(self, model: Module) -> None:
        """Put the best weights so far into `model`; it stays as it is if there are none."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """What it has seen so far, with the best weights, for `load_state_dict` of one with the same settings."""
        return {name: copy.deepcopy(getattr(self, name)) for name in _KEPT}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        if missing := [name for name in _KEPT if name not in state_dict]:
            raise ArgumentError(f"EarlyStopping.load_state_dict: the state has no {', '.join(missing)}")
        for name in _KEPT:
            setattr(self, name, copy.deepcopy(state_dict[name]))

    def _is_better(self, value: float) -> bool:
        if self.best_epoch is None:
            return not math.isnan(value)
        return value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta

    def _keep(self, model: Module) -> None:
        """Copy the state of `model`, into the memory of the copy before where it fits."""
        before, state = self.weights or {}, model.state_dict()
        self.weights = {name: _copied(value, before.get(name)) for name, value in state.items()}


def _copied(value: Any, before: Any) -> Any:
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    value = value.detach()
    alike = isinstance(before, Tensor) and (before.shape, before.dtype) == (value.shape, value.dtype)
    return before.copy_(value) if alike and before.device == value.device else value.clone()
