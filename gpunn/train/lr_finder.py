"""The learning-rate range test: train with rates that grow from step to step, and look at the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gpunn.errors import ArgumentError
from gpunn.nn.module import Module
from gpunn.optim import SGD, Optimizer
from gpunn.tensor import Tensor
from gpunn.train.snapshot import unchanged
from gpunn.vision.libraries import library


class LearningRates(NamedTuple):
    """What `lr_find` has seen: a learning rate, the loss and the smoothed loss for each step."""

    lrs: list[float]
    losses: list[float]  # smoothed
    raw_losses: list[float]
    diverged: bool  # whether it stopped because the loss grew

    @property
    def suggestion(self) -> float:
        """The rate where the smoothed loss falls fastest over log(lr), before its minimum."""
        end = int(np.argmin(self.losses)) + 1 if self.losses else 0
        if end < 2:
            raise ArgumentError(
                f"lr_find: the loss never fell in {len(self.lrs)} steps, so nothing is suggested; begin with a "
                "smaller rate (start=…), or look at plot()"
            )
        slopes = np.gradient(self.losses[:end], np.log(self.lrs[:end]))
        return self.lrs[int(np.argmin(slopes))]

    def plot(self, ax: Any = None) -> Any:
        """Draw the smoothed loss over the rate into `ax`, of matplotlib, or into new axes, which are returned."""
        if ax is None:
            _, ax = library("matplotlib.pyplot", "LearningRates.plot", "matplotlib", "plot").subplots()
        ax.semilogx(self.lrs, self.raw_losses, color="0.8", label="loss")
        ax.semilogx(self.lrs, self.losses, label="smoothed")
        if len(self.losses) > 1 and int(np.argmin(self.losses)) > 0:
            ax.axvline(self.suggestion, linestyle="--", color="0.3", label=f"suggestion: {self.suggestion:.1e}")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.legend()
        return ax


def lr_find(
    model: Module,
    loss: Callable[[Any, Any], Tensor],
    loader: Iterable[Any],
    optimizer: Optimizer | None = None,
    *,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.95,
    divergence: float = 4.0,
) -> LearningRates:
    """The losses of `steps` steps with rates that grow from `start` to `end`: lr_i = start · (end / start)^(i / (n-1)).

    Each step is one batch (x, y) of `loader`, which is begun anew when it is through, and loss(model(x), y), in
    training mode, with `optimizer` (all groups get the rate) or plain SGD. The smoothed loss is
    v_i = β v_(i-1) + (1-β) loss_i, divided by 1 - β^(i+1), β = `smoothing`. It ends early when that is above
    `divergence` times its minimum (the minimum + (divergence - 1) · |minimum|), or the loss is not finite. Afterwards
    the model, the optimizer and the default generator are as before, so that training goes on as if nothing had been.
    The host waits for each loss. Smith 2017, section 3.3.
    """
    _check(start, end, steps, smoothing, divergence)
    if optimizer is None:
        optimizer = SGD(model.parameters(), lr=start)
    device = next((p.device for p in model.parameters()), None)
    lrs: list[float] = []
    raw: list[float] = []
    smooth: list[float] = []
    average, diverged = 0.0, False
    with unchanged(model, optimizer):
        model.train()
        for i, (x, y) in zip(range(steps), _batches(loader), strict=False):
            rate = start * (end / start) ** (i / (steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            value = _trained(model, loss, optimizer, _moved(x, device), _moved(y, device))
            average = smoothing * average + (1 - smoothing) * value
            lrs.append(rate)
            raw.append(value)
            smooth.append(average / (1 - smoothing ** (i + 1)))
            least = min(smooth)
            diverged = not math.isfinite(value) or smooth[-1] > least + (divergence - 1) * abs(least)
            if diverged:
                break
    if diverged and not math.isfinite(smooth[-1]):
        del lrs[-1], raw[-1], smooth[-1]
    return LearningRates(lrs, smooth, raw, diverged)


def _trained(model: Module, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer, x: Any, y: Any) -> float:
    """The loss of a batch, after which the model has made a step."""
    optimizer.zero_grad()
    result = loss(model(x), y)
    value = float(result.item())
    if math.isfinite(value):
        result.backward()
        optimizer.step()
    return value


def _check(start: float, end: float, steps: int, smoothing: float, divergence: float) -> None:
    if not 0 < start < end < math.inf:
        raise ArgumentError(f"lr_find: expected 0 < start < end, got start={start}, end={end}")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ArgumentError(f"lr_find: expected at least 2 steps, got {steps!r}")
    if not 0 <= smoothing < 1:
        raise ArgumentError(f"lr_find: expected smoothing in [0, 1), got {smoothing}")
    if not divergence > 1:
        raise ArgumentError(f"lr_find: expected divergence > 1, got {divergence}")


def _batches(loader: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The pairs of `loader`, again and again."""
    while True:
        count = 0
        for batch in loader:
            if not isinstance(batch, (list, tuple)) or len(batch) != 2:
                raise ArgumentError(f"lr_find: expected batches (x, y) from the loader, got {type(batch).__name__}")
            yield batch[0], batch[1]
            count += 1
        if count == 0:
            raise ArgumentError("lr_find: the loader has no batches (an iterator can be gone through once only)")


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if isinstance(value, Tensor) and device is not None else value
