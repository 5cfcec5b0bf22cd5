"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.optim.optimizer import Optimizer, Params, pieces
from gpunn.optim.options import check_betas, check_not_negative
from gpunn.tensor import Tensor


class Adam(Optimizer):
    """m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2,  p -= lr * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps).

    `weight_decay` is added to the gradient (`decoupled_weight_decay`: shrinks p by lr * weight_decay instead, as
    AdamW). `amsgrad` divides by the largest v so far. Kingma & Ba 2015; Reddi et al. 2018.
    `foreach`, `fused` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/adam", "adam"
    arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        name = type(self).__name__
        check_not_negative(name, group, "lr", "eps", "weight_decay")
        check_betas(name, group)
        in_tensors = [isinstance(beta, Tensor) for beta in group["betas"]]
        if in_tensors[0] != in_tensors[1]:
            raise ArgumentError(f"{name}: betas must be either both floats or both Tensors")
        if group["foreach"] and not group["capturable"] and (in_tensors[0] or isinstance(group["lr"], Tensor)):
            what = "betas[0]" if in_tensors[0] else "lr"
            raise ArgumentError(f"{name}: {what} as a Tensor is not supported for capturable=False and foreach=True")

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return dict.fromkeys(self.arrays if options["amsgrad"] else self.arrays[:2], 0.0)

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return *options["betas"], options["eps"], options["decoupled_weight_decay"], options["amsgrad"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        xp = array_module(p)
        (t,) = self.advanced(state, options)
        b1, b2 = options["betas"]
        decay, decoupled = options["weight_decay"], options["decoupled_weight_decay"]
        step_size, root = options["lr"] / (1 - b1**t), (1 - b2**t) ** 0.5
        averages = [state[name].array for name in (self.arrays if options["amsgrad"] else self.arrays[:2])]
        for g, part, m, v, *largest in pieces(grad, p, *averages):
            if decay and decoupled:
                part *= 1 - options["lr"] * decay
            elif decay:
                g = g + decay * part
            m += (g - m) * (1 - b1)
            v *= b2
            v += (1 - b2) * g * g
            if largest:
                xp.maximum(largest[0], v, out=largest[0])
            denominator = xp.sqrt(largest[0] if largest else v)
            denominator /= root
            denominator += options["eps"]
            xp.divide(m, denominator, out=denominator)
            denominator *= step_size
            part -= denominator


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly: p *= 1 - lr * weight_decay. Loshchilov & Hutter 2019."""

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
