"""LRScheduler: what all schedulers of learning rates have in common."""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from gpunn.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gpunn.optim.optimizer import Optimizer
from gpunn.tensor import Tensor

Rate: TypeAlias = "float | Tensor"
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)

_ORDER = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
EPOCH_IS_DEPRECATED = (
    "scheduler.step(epoch): the argument is deprecated; call step() without it. With an epoch the learning rates come "
    "from the closed form where there is one, and not from those of the step before."
)


class LRScheduler:
    """Sets the learning rates `group["lr"]` of an optimizer, anew with each `step()`, which comes after
    `optimizer.step()`.

    A subclass has `get_lr`, which computes the rates of the epoch `last_epoch`, one for each group, as a rule from the
    present ones, so that schedulers can be chained; and perhaps `_get_closed_form_lr`, which does so from `base_lrs`.
    The first rates, `group["initial_lr"]`, are noted unless another scheduler has done so. `last_epoch` other than -1
    goes on from there. A rate that is a tensor is filled, not replaced.
    """

    # In PyTorch's state dicts these two are there as well.
    _get_lr_called_within_step: bool = False
    _is_initial: bool = False
    _step_count: int
    _last_lr: list[Rate]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        if last_epoch != -1:
            _check_resumed(optimizer, last_epoch)
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", _copied(group["lr"]))
        self.base_lrs: list[Rate] = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer, by name."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave. The rates in the optimizer are part of the optimizer's state."""
        vars(self).update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """The rates that the last step has set, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """The rates of the epoch `last_epoch`, one for each group. Called by `step`; users call `get_last_lr`."""
        raise UnsupportedError(f"{type(self).__name__}: a scheduler needs get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Go on by an epoch and set its rates. (Deprecated: go to `epoch`.)"""
        self._check_order()
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        self._step_count += 1
        try:
            self._update_lr(epoch)
        except BaseException:
            self._step_count -= 1
            raise

    def _update_lr(self, epoch: int | None = None) -> None:
        before = self.last_epoch
        self.last_epoch = before + 1 if epoch is None else epoch
        compute = self.get_lr if epoch is None else getattr(self, "_get_closed_form_lr", self.get_lr)
        try:
            with self._inside_step():
                rates = compute()
        except BaseException:
            self.last_epoch = before
            raise
        self._set(rates)

    def _set(self, rates: list[Rate]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, "lr", rate)
        self._last_lr = values_of(self.optimizer, "lr")

    @contextmanager
    def _inside_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        """`get_lr` computes the next rates; who asks for the present ones is sent to `get_last_lr`."""
        if not self._get_lr_called_within_step:
            text = "get_lr() computes rates for step(); the last ones are in get_last_lr()."
            warnings.warn(text, UserWarning, stacklevel=3)

    def _check_order(self) -> None:
        """Warn at the second step, the first one that is the user's, if the optimizer has not made one."""
        if self._step_count != 1:
            return
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            what = "`optimizer.step()` has been replaced after the scheduler was made, so its calls are not counted"
        elif not getattr(self.optimizer, "_opt_called", False):
            what = "`lr_scheduler.step()` was called before `optimizer.step()`, which skips the first learning rate"
        else:
            return
        text = f"{what}. Call `optimizer.step()` first, then `lr_scheduler.step()`. {_ORDER}"
        warnings.warn(text, UserWarning, stacklevel=3)

    def _unchanged(self) -> list[Rate]:
        return values_of(self.optimizer, "lr")

    def _scaled(self, factor: float) -> list[Rate]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]


class _LRScheduler(LRScheduler):
    """The old name of LRScheduler, as a class of its own."""


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError for what is not an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer; a scheduler needs one of gpunn.optim")


def _check_resumed(optimizer: Optimizer, last_epoch: int) -> None:
    for i, group in enumerate(optimizer.param_groups):
        if "initial_lr" not in group:
            raise KeyError(
                f"param 'initial_lr' is not specified in param_groups[{i}] when resuming with last_epoch={last_epoch}; "
                "load the optimizer's state first, or leave last_epoch out"
            )


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """group[key] of all groups; tensors are copied."""
    return [_copied(group[key]) for group in optimizer.param_groups]


def put(group: dict[str, Any], key: str, value: Rate) -> None:
    """Set group[key]; a tensor that is there gets the value and stays."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.reshape(()) if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """`value`, a number for all groups or a list with one for each, as a list. Raises ArgumentError otherwise."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    if len(value) != groups:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {groups}."
        )
    return [_copied(v) for v in value]


def state_of(function: Any) -> dict[str, Any] | None:
    """What a state dict keeps of a callable: the attributes of an object; of a function nothing."""
    return None if isinstance(function, FUNCTIONS) or not hasattr(function, "__dict__") else dict(vars(function))


def _watch_steps(optimizer: Optimizer) -> None:
    """Let the optimizer note in `_opt_called` that a step was made, also where a subclass has its own `step`."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    is_method = isinstance(optimizer.step, types.MethodType)  # or the user has put a function of his own there
    function: Callable[..., Any] = optimizer.step.__func__ if is_method else optimizer.step  # type: ignore[attr-defined]
    here = weakref.ref(optimizer)  # the optimizer holds the wrapper

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        this = here()
        this._opt_called = True  # type: ignore[union-attr]
        return function(this, *args, **kwargs) if is_method else function(*args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step  # type: ignore[method-assign]
