"""Learning rates from functions of the epoch that the user gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.optim.lr_scheduler.scheduler import LRScheduler, Rate, check_optimizer, state_of
from gpunn.optim.optimizer import Optimizer

Factor: TypeAlias = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """Holds one function for each group. The state dict keeps the attributes of callable objects, nothing else."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        factors: list[Any] = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(factors) != groups:
            raise ArgumentError(f"Expected {groups} lr_lambdas, but got {len(factors)}")
        for factor in factors:
            if not callable(factor):
                raise ArgumentTypeError(f"lr_lambda should be a function, but got {type(factor).__name__}")
        self.lr_lambdas: list[Factor] = factors
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        del state["lr_lambdas"]
        return {**state, "lr_lambdas": [state_of(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        kept = state_dict["lr_lambdas"]
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for factor, attributes in zip(self.lr_lambdas, kept, strict=True):
            if attributes is not None:
                vars(factor).update(attributes)


class LambdaLR(_OfFunctions):
    """lr(t) = base_lr * lr_lambda(t).

    `lr_lambda` is a function of the epoch, or a list of them, one for each group. The state dict keeps the attributes
    of callable objects, and nothing of functions.
    """

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        return [base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_OfFunctions):
    """lr(t) = lr(t-1) * lr_lambda(t), from the second epoch on. Arguments and state as for LambdaLR."""

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        if self._is_initial:
            return self._unchanged()
        groups = self.optimizer.param_groups
        return [g["lr"] * factor(self.last_epoch) for g, factor in zip(groups, self.lr_lambdas, strict=True)]
