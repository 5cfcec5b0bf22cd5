"""NAdam, RAdam and Adamax: Adam with Nesterov momentum, with a rectified start, with the maximum norm."""

from __future__ import annotations

from typing import Any

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.optim.optimizer import Optimizer, Params, pieces
from gpunn.optim.options import check_betas, check_not_negative
from gpunn.tensor import Tensor


class NAdam(Optimizer):
    """Adam with Nesterov momentum: p -= lr / d * ((1-mu) / (1-M) g + mu' / (1-M mu') m), d = sqrt(v / (1-b2^t)) + eps.

    mu = b1 (1 - 0.96^(t momentum_decay) / 2), mu' the next one, M the product of all mu so far. m, v and
    `weight_decay` as in Adam. `foreach` and `capturable` are accepted and change nothing. Dozat 2016.
    """

    kernel = "optimizer/adam", "nadam"
    arrays = ("exp_avg", "exp_avg_sq")
    counts = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("NAdam", group, "lr", "eps", "weight_decay", "momentum_decay")
        check_betas("NAdam", group)

    def first_counts(self, options: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "mu_product": 1.0}

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(self.arrays, 0.0)

    def advanced(self, state: dict[str, Any], options: dict[str, Any]) -> tuple[float, ...]:
        t = state["step"].item() + 1
        return t, float(state["mu_product"].array * _mu(t, options))  # rounded as the state is

    def progress(self, state: dict[str, Any], is_first: bool) -> tuple[float, ...]:
        return *super().progress(state, is_first), state["mu_product"].dtype is dtypes.float32

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return *options["betas"], options["eps"], options["decoupled_weight_decay"], options["momentum_decay"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        t, product = self.advanced(state, options)
        b2, lr, following = options["betas"][1], options["lr"], _mu(t + 1, options)
        by_g, by_m = lr * (1 - _mu(t, options)) / (1 - product), lr * following / (1 - product * following)
        for g, part, m, v in pieces(grad, p, *[state[name].array for name in self.arrays]):
            g = _shrunk(g, part, options)
            _average(g, m, v, options)
            d = array_module(p).sqrt(v / (1 - b2**t)) + options["eps"]
            part -= by_g * (g / d)
            part -= by_m * (m / d)


def _mu(t: float, options: dict[str, Any]) -> float:
    b1: float = options["betas"][0]
    return b1 * (1 - 0.5 * 0.96 ** (t * options["momentum_decay"]))


class RAdam(Optimizer):
    """Adam that first makes steps lr m / (1-b1^t), and later Adam's times a factor that grows to 1.

    The factor is that of Liu et al. 2020, equation 6. m, v and `weight_decay` as in Adam; `eps` is added to sqrt(v).
    `foreach` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/adam", "radam"
    arrays = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("RAdam", group, "lr", "eps", "weight_decay")
        check_betas("RAdam", group)

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(self.arrays, 0.0)

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return *options["betas"], options["eps"], options["decoupled_weight_decay"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        (t,), (b1, b2) = self.advanced(state, options), options["betas"]
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * t * b2**t / (1 - b2**t)  # of the average, in gradients
        step_size = options["lr"] / (1 - b1**t)
        is_adaptive = length > 5
        if is_adaptive:
            rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step_size *= (rectified * (1 - b2**t)) ** 0.5
        for g, part, m, v in pieces(grad, p, *[state[name].array for name in self.arrays]):
            _average(_shrunk(g, part, options), m, v, options)
            part -= step_size * (m / (array_module(p).sqrt(v) + options["eps"]) if is_adaptive else m)


class Adamax(Optimizer):
    """m as in Adam,  u = max(b2 u, |g| + eps),  p -= lr / (1-b1^t) * m / u. Kingma & Ba 2015, section 7.

    `weight_decay` is added to the gradient. `foreach` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/adam", "adamax"
    arrays = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adamax", group, "lr", "eps", "weight_decay")
        check_betas("Adamax", group)

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(self.arrays, 0.0)

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return *options["betas"], options["eps"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        xp, (t,), (b1, b2) = array_module(p), self.advanced(state, options), options["betas"]
        for g, part, m, u in pieces(grad, p, *[state[name].array for name in self.arrays]):
            g = _shrunk(g, part, options)
            m += (g - m) * (1 - b1)
            u *= b2
            xp.maximum(u, abs(g) + options["eps"], out=u)
            part -= options["lr"] / (1 - b1**t) * (m / u)


def _shrunk(g: Array, p: Array, options: dict[str, Any]) -> Array:
    """The gradient with weight decay; if that is decoupled, `p` shrinks in its place."""
    decay = options["weight_decay"]
    if decay and options.get("decoupled_weight_decay"):
        p *= 1 - options["lr"] * decay
        return g
    return g + decay * p if decay else g


def _average(g: Array, m: Array, v: Array, options: dict[str, Any]) -> None:
    b1, b2 = options["betas"]
    m += (g - m) * (1 - b1)
    v *= b2
    v += (1 - b2) * g * g
