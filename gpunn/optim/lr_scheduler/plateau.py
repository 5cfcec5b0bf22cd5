"""Learning rates that fall when a metric no longer gets better."""

from __future__ import annotations

import math
import warnings
from typing import SupportsFloat

from gpunn.errors import ArgumentError
from gpunn.optim.lr_scheduler.scheduler import EPOCH_IS_DEPRECATED, LRScheduler, check_optimizer, put, values_of
from gpunn.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr = max(lr * factor, min_lr) when more than `patience` epochs in a row have not made the metric better.

    Better is less than best * (1 - threshold) ("rel") or best - threshold ("abs"); with mode="max", more than
    best * (1 + threshold) or best + threshold. After a change `cooldown` epochs do not count. `min_lr` is a number or
    a list, one for each group. A change of `eps` or less is not made. `step(metric)` waits for a metric on a GPU.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ArgumentError(f"Factor should be < 1.0, got {factor}.")
        check_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)) and len(min_lr) != groups:
            raise ArgumentError(f"expected {groups} min_lrs, got {len(min_lr)}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"mode {mode} is unknown! It is min or max")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"threshold mode {threshold_mode} is unknown! It is rel or abs")
        self.factor = factor
        self.optimizer = optimizer
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = values_of(optimizer, "lr")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self._reset()

    def _reset(self) -> None:
        """Forget the metrics so far."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of the metric of an epoch, a number or a 0-d tensor, and lower the rates if it is due."""
        current = float(metrics)
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        is_better = self._is_better(current, self.best)
        bad = 0 if is_better or self.in_cooldown else self.num_bad_epochs + 1
        is_due = bad > self.patience
        if is_due:
            self._reduce_lr()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.best = current if is_better else self.best
        self.num_bad_epochs = 0 if is_due else bad
        self.cooldown_counter = self.cooldown if is_due else max(self.cooldown_counter - 1, 0)
        self._last_lr = values_of(self.optimizer, "lr")

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise ArgumentError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually because one was added; "
                    "give `min_lrs` of the scheduler as many entries"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                put(group, "lr", new)

    @property
    def in_cooldown(self) -> bool:
        """Whether the last change is less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        step = self.threshold if self.mode == "max" else -self.threshold
        limit = best * (1.0 + step) if self.threshold_mode == "rel" else best + step
        return a > limit if self.mode == "max" else a < limit
