"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array
from gpunn.optim.optimizer import Optimizer, Params, decayed, pieces
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class ASGD(Optimizer):
    """p = (1 - lambd eta) p - eta g; the state "ax" is the average of p: ax += mu (p - ax). Polyak & Juditsky 1992.

    eta = lr / (1 + lambd lr t)^alpha and mu = 1 / max(1, t - t0), both of the step before. `weight_decay` is added to
    the gradient. `foreach` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/descent", "asgd"
    arrays = ("ax",)
    counts = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("ASGD", group, "lr", "weight_decay")

    def first_counts(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "eta": options["lr"], "mu": 1.0}

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    def advanced(self, state: dict[str, Any], options: dict[str, Any]) -> tuple[float, ...]:
        t, lr = state["step"].item() + 1, options["lr"]
        return t, lr / (1 + options["lambd"] * lr * t) ** options["alpha"], 1 / max(1, t - options["t0"])

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return options["lambd"], options["alpha"], options["t0"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        eta, mu = state["eta"].item(), state["mu"].item()
        for g, part, average in pieces(grad, p, state["ax"].array):
            g = decayed(g, part, options)
            part *= 1 - options["lambd"] * eta
            part -= eta * g
            average[...] = part if mu == 1 else average + mu * (part - average)
