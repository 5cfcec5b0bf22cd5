"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array
from gpunn.errors import ArgumentError
from gpunn.optim.optimizer import Optimizer, Params, decayed, pieces
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class SGD(Optimizer):
    """p -= lr * d, with d = grad + weight_decay * p and, with momentum, v = momentum * v + (1 - dampening) * d in
    place of d (Nesterov: d + momentum * v). The first v is d itself. Sutskever et al. 2013.

    The (1 - α) form of textbooks, v_t = α v_(t-1) + (1 - α) d_t, p_t = p_(t-1) - lr v_t, a running mean of the
    gradients, is momentum=α, dampening=α; it begins with v_1 = d_1, so that the weights of v_t = α^(t-1) d_1 +
    Σ_(s=2..t) (1 - α) α^(t-s) d_s add up to 1. With dampening=0 they grow to 1 / (1 - α): steps are as long as with
    lr / (1 - α) in the other form.

    `foreach` and `fused` are accepted and change nothing.
    """

    kernel = "optimizer/descent", "sgd"
    arrays = ("momentum_buffer",)
    counts = ()

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

    def first_counts(self, options: dict[str, Any]) -> dict[str, float]:
        return {}

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if options["momentum"] else {}

    def advanced(self, state: dict[str, Any], options: dict[str, Any]) -> tuple[float, ...]:
        return ()

    def progress(self, state: dict[str, Any], is_first: bool) -> tuple[float, ...]:
        return (0.0 if is_first else 1.0,)

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return options["momentum"], options["dampening"], options["nesterov"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        momentum = options["momentum"]
        if momentum == 0:
            for g, part in pieces(grad, p):
                part -= options["lr"] * decayed(g, part, options)
            return
        for g, part, v in pieces(grad, p, state["momentum_buffer"].array):
            d = decayed(g, part, options)
            if is_first:
                v[...] = d
            else:
                v *= momentum
                v += d * (1 - options["dampening"]) if options["dampening"] else d
            part -= options["lr"] * (d + momentum * v if options["nesterov"] else v)
