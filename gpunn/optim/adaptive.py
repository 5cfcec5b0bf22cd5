"""Adagrad, Adadelta and RMSprop: steps divided by the root of what the squares of the gradient have been."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.optim.optimizer import Optimizer, Params, decayed, pieces
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class Adagrad(Optimizer):
    """sum += g^2,  p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(sum) + eps). Duchi, Hazan & Singer 2011.

    `weight_decay` is added to the gradient. `foreach` and `fused` are accepted and change nothing.
    """

    kernel = "optimizer/adaptive", "adagrad"
    arrays = ("sum",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = dict(
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self.completed(p.array, {}, group)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adagrad", group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        if group["fused"] and group["foreach"]:
            raise ArgumentError("Adagrad: `fused` and `foreach` cannot be `True` together.")

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return {"sum": options["initial_accumulator_value"]}

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return options["lr_decay"], options["eps"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        rate = options["lr"] / (1 + state["step"].item() * options["lr_decay"])
        for g, part, total in pieces(grad, p, state["sum"].array):
            g = decayed(g, part, options)
            total += g * g
            part -= rate * (g / (array_module(p).sqrt(total) + options["eps"]))


class Adadelta(Optimizer):
    """v = rho v + (1-rho) g^2,  d = sqrt(u + eps) / sqrt(v + eps) g,  u = rho u + (1-rho) d^2,  p -= lr d. Zeiler 2012.

    `weight_decay` is added to the gradient. `foreach` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/adaptive", "adadelta"
    arrays = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adadelta", group, "lr", "eps", "weight_decay")
        if not 0.0 <= group["rho"] <= 1.0:
            raise ArgumentError(f"Adadelta: Invalid rho value: {group['rho']}")

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(self.arrays, 0.0)

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return options["rho"], options["eps"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        xp, rho, eps = array_module(p), options["rho"], options["eps"]
        for g, part, v, u in pieces(grad, p, *[state[name].array for name in self.arrays]):
            g = decayed(g, part, options)
            v *= rho
            v += (1 - rho) * g * g
            d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
            u *= rho
            u += (1 - rho) * d * d
            part -= options["lr"] * d


class RMSprop(Optimizer):
    """v = alpha v + (1-alpha) g^2,  p -= lr * d with d = g / (sqrt(v) + eps), or with momentum b = momentum b + d.

    `centered` takes the square of the mean gradient off v first. `weight_decay` is added to the gradient. `foreach`
    and `capturable` are accepted and change nothing. Tieleman & Hinton 2012; Graves 2013 for centered.
    """

    kernel = "optimizer/adaptive", "rmsprop"
    arrays = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("RMSprop", group, "lr", "eps", "momentum", "weight_decay", "alpha")

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        wanted = (True, options["momentum"] > 0, options["centered"])
        return {name: 0.0 for name, is_wanted in zip(self.arrays, wanted, strict=True) if is_wanted}

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return options["alpha"], options["eps"], options["momentum"], options["centered"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        xp, alpha, names = array_module(p), options["alpha"], list(self.first_arrays(options))
        for g, part, *arrays in pieces(grad, p, *[state[name].array for name in names]):
            named = dict(zip(names, arrays, strict=True))
            g = decayed(g, part, options)
            variance = v = named["square_avg"]
            v *= alpha
            v += (1 - alpha) * g * g
            if "grad_avg" in named:
                mean = named["grad_avg"]
                mean += (g - mean) * (1 - alpha)
                variance = v - mean * mean
            d = g / (xp.sqrt(variance) + options["eps"])
            if "momentum_buffer" in named:
                buffer = named["momentum_buffer"]
                buffer *= options["momentum"]
                buffer += d
                d = buffer
            part -= options["lr"] * d
