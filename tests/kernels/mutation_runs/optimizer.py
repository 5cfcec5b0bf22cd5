"""What judges the mutants of the kernels of optimisers."""

from __future__ import annotations

from typing import Any

import pytest

import gpunn as gp
from gpunn.optim import one_launch
from tests.kernels import test_optimizer as optimizer
from tests.kernels.mutation_runs.run import Run


def _limits() -> Any:
    return optimizer.limits((gp.float32,))


def _steps(*kinds: str, **options: Any) -> list[Run]:
    one = {"dtypes": (gp.float32,), "lr": 0.1, **options}
    return [optimizer.stepped(getattr(gp.optim, kind), **one) for kind in kinds]


def _replayed(kind: str, **options: Any) -> Run:
    """Steps whose records come from the step before, as in a captured graph; the host sends the first ones only."""
    sent: set[int] = set()

    def send(self: Any, *args: Any) -> None:
        if id(self) not in sent:
            sent.add(id(self))
            first(self, *args)

    first = one_launch.OneLaunch._send_records

    def run() -> Any:
        sent.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one_launch.OneLaunch, "_send_records", send)
            return _steps(kind, steps=3, **options)[0]()

    return run


RUNS: dict[str, list[Run]] = {
    "optimizer/adam.cu": _steps("Adam", "NAdam", "Adamax", weight_decay=0.1)
    + _steps("RAdam", steps=7)
    + [_replayed("NAdam")],
    "optimizer/adaptive.cu": [
        *_steps("Adagrad", lr_decay=0.1),
        *_steps("Adadelta", weight_decay=0.1),
        *_steps("RMSprop", centered=True, momentum=0.5),
    ],
    "optimizer/descent.cu": _steps("SGD", momentum=0.9, nesterov=True)
    + _steps("SGD", momentum=0.9, dampening=0.3)
    + _steps("ASGD", t0=1, lambd=0.1)
    + [_replayed("ASGD", t0=1, lambd=0.1)]
    + _steps("Rprop"),
    "optimizer/gradients.cu": [_limits],
    "optimizer/pieces.cuh": [*_steps("SGD", momentum=0.9, nesterov=True), _limits],
    "optimizer/scale.cu": [optimizer.scales],
    "optimizer/step.cuh": _steps("SGD", momentum=0.9, nesterov=True),
}
