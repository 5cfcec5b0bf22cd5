"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.optim.optimizer import Optimizer, Params, check_not_negative, pieces
from gpunn.tensor import Tensor


class SGD(Optimizer):
    """p -= lr * d, with d = grad + weight_decay * p and, with momentum, v = momentum * v + (1 - dampening) * d in
    place of d (Nesterov: d + momentum * v). The first v is d itself. Sutskever et al. 2013.

    The lectures' form v = alpha * v + (1 - alpha) * d is momentum=alpha, dampening=alpha, but for the first step.
    `foreach` and `fused` are accepted and change nothing.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("SGD", group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if momentum == 0:
            for g, part in pieces(grad, p):
                part -= group["lr"] * _decayed(g, part, group)
            return
        is_first = "momentum_buffer" not in state
        if is_first:
            state["momentum_buffer"] = Tensor(array_module(p).empty_like(p))
        for g, part, v in pieces(grad, p, state["momentum_buffer"].array):
            d = _decayed(g, part, group)
            if is_first:
                v[...] = d
            else:
                v *= momentum
                v += d * (1 - group["dampening"]) if group["dampening"] else d
            part -= group["lr"] * (d + momentum * v if group["nesterov"] else v)


def _decayed(grad: Array, p: Array, group: dict[str, Any]) -> Array:
    """grad + weight_decay * p."""
    return grad + group["weight_decay"] * p if group["weight_decay"] else grad
