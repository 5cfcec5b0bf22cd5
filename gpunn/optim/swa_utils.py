"""Averages of a model's weights over the steps of its training, and a learning rate that goes with them."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from gpunn import engine
from gpunn.backend import DeviceLike
from gpunn.dtypes import int64
from gpunn.errors import ArgumentError
from gpunn.nn.module import Module
from gpunn.nn.norm.batch import BatchNorm
from gpunn.ops.creation import tensor
from gpunn.optim.lr_scheduler.scheduler import LRScheduler, Rate, check_optimizer, for_each_group
from gpunn.optim.optimizer import Optimizer
from gpunn.tensor import Tensor

Average: TypeAlias = Callable[[Tensor, Tensor, "Tensor | int"], Tensor]
Averages: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], "Tensor | int"], None]


class AveragedModel(Module):
    """A copy of `model`, on `device` if given, whose parameters are averages of those that `update_parameters` sees.

    After n models: mean_n = mean_(n-1) + (w_n - mean_(n-1)) / n, the plain mean (stochastic weight averaging, Izmailov
    et al. 2018); or what `avg_fn(mean, w, n - 1)` returns, or `multi_avg_fn(means, ws, n - 1)` does in place to a list
    of tensors of one device and dtype: such functions come from `get_ema_avg_fn` and its like. The first model is
    copied. Buffers are copied each time, or with `use_buffers` averaged as well. `n_averaged` counts the models.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: DeviceLike = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise TwoAveragesError("AveragedModel: Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of the arguments."""
        return self.module(*args, **kwargs)

    @engine.no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the parameters of `model` into the averages. Waits for the GPU that has `n_averaged`."""
        pairs = [(mine.detach(), other.detach().to(mine.device)) for mine, other in self._pairs(model)]
        if self.n_averaged.item() == 0:
            for mine, other in pairs:
                mine.copy_(other)
        elif self.multi_avg_fn is not None:
            for mine_of_a_kind, others in _by_kind(pairs):
                self.multi_avg_fn(mine_of_a_kind, others, self.n_averaged.to(mine_of_a_kind[0].device))
        else:
            average = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
            for mine, other in pairs:
                mine.copy_(average(mine, other, self.n_averaged.to(mine.device)))
        if not self.use_buffers:
            for mine, other in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(other.detach().to(mine.device))
        self.n_averaged.add_(1)

    def _pairs(self, model: Module) -> Iterator[tuple[Tensor, Tensor]]:
        mine: Iterable[Tensor] = self.module.parameters()
        others: Iterable[Tensor] = model.parameters()
        if self.use_buffers:
            mine = itertools.chain(mine, self.module.buffers())
            others = itertools.chain(others, model.buffers())
        return zip(mine, others, strict=True)


class TwoAveragesError(ArgumentError, AssertionError):
    """Two functions that say how to average; PyTorch raises AssertionError."""


def _by_kind(pairs: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """The two sides of `pairs` as lists, one pair of lists for each device and dtype."""
    kinds: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
    for mine, other in pairs:
        group = kinds.setdefault((str(mine.device), mine.dtype), ([], []))
        group[0].append(mine)
        group[1].append(other)
    yield from kinds.values()


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An `avg_fn`, the exponential moving average: decay * mean + (1 - decay) * w. 0 <= decay <= 1."""
    _check_decay(decay)

    @engine.no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """A `multi_avg_fn`, the exponential moving average: decay * mean + (1 - decay) * w. 0 <= decay <= 1."""
    _check_decay(decay)

    @engine.no_grad()
    def ema_update(
        ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Tensor | int
    ) -> None:
        for mean, w in zip(ema_param_list, current_param_list, strict=True):
            if mean.is_floating_point():
                mean.lerp_(w, 1 - decay)
            else:
                mean.copy_(mean * decay + w * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Average:
    """An `avg_fn`, the plain mean: mean + (w - mean) / (n + 1)."""

    @engine.no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Averages:
    """A `multi_avg_fn`, the plain mean: mean + (w - mean) / (n + 1)."""

    @engine.no_grad()
    def swa_update(
        averaged_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Tensor | int
    ) -> None:
        share = float(1 / (num_averaged + 1))
        for mean, w in zip(averaged_param_list, current_param_list, strict=True):
            if mean.is_floating_point():
                mean.lerp_(w, share)
            else:
                mean.copy_(mean + (w - mean) * share)

    return swa_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


@engine.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: DeviceLike = None) -> None:
    """Set the running averages of all batch norms in `model` to the means over the batches of `loader`.

    A batch is a tensor, or a list or tuple with one as the first element; it is moved to `device` if given, and shown
    to the model in training mode. The mode is restored.
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    if not norms:
        return
    was_training, momenta = model.training, [norm.momentum for norm in norms]
    model.train()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """lr goes from its first value to `swa_lr` in `anneal_epochs` epochs, and stays there.

    lr(t) = alpha * swa_lr + (1 - alpha) * base_lr with alpha = (1 - cos(pi t / n)) / 2 ("cos") or t / n ("linear").
    `swa_lr` is a number, or a list with one for each group.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """alpha of the share `t` of the epochs, both from 0 to 1."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Rate]:
        """The rates of the next step, from the present ones."""
        self._warn_outside_step()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = (self.anneal_func(max(0, min(1, s / max(1, self.anneal_epochs)))) for s in (step - 1, step))
        rates: list[Rate] = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
