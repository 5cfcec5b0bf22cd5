"""Adafactor: steps scaled by second moments that are kept as their means over rows and columns."""

from __future__ import annotations

import math
from typing import Any

from gpunn import dtypes
from gpunn.backend import Array, array_module, device_of, placed_on
from gpunn.errors import ArgumentError
from gpunn.ops.reduction.accumulate import widened
from gpunn.optim.optimizer import Optimizer, Params
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class Adafactor(Optimizer):
    """p -= α u / max(1, rms(u) / d),  u = g / √v,  α = max(eps[1], rms(p)) min(lr, 1/√t).

    The second moments v move towards g² by t^beta2_decay. Of matrices, in the last two dimensions, only their means
    over rows r and columns c are kept: v = r cᵀ / mean(r). `eps[0]` is the least √v, the precision of the dtype unless
    given. `foreach` is accepted and changes nothing. Shazeer and Stern, Adafactor: Adaptive Learning Rates with
    Sublinear Memory Cost, 2018.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            beta2_decay=beta2_decay,
            eps=eps,
            d=d,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Adafactor", group, "lr", "weight_decay")
        first, second = group["eps"]
        if not group["beta2_decay"] <= 0:
            raise ArgumentError(f"Adafactor: beta2_decay should be <= 0 but is: {group['beta2_decay']}")
        if first is not None and not first >= 0:
            raise ArgumentError(f"Adafactor: epsilon1 should be >= 0 but is: {first}")
        if not second >= 0:
            raise ArgumentError(f"Adafactor: epsilon2 should be >= 0 but is: {second}")
        if not group["d"] >= 1:
            raise ArgumentError(f"Adafactor: Clipping threshold d should be >= 1 but is: {group['d']}")

    def completed(self, p: Array, state: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        whole, xp = super().completed(p, state, options), array_module(p)
        if p.ndim > 1:
            shapes = {"row_var": (*p.shape[:-1], 1), "col_var": (*p.shape[:-2], 1, p.shape[-1])}
        else:
            shapes = {"variance": p.shape}
        with placed_on(device_of(p)):
            return whole | {n: Tensor(xp.zeros(s, p.dtype)) for n, s in shapes.items() if whole.get(n) is None}

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        if not p.size:
            return
        xp, g, part = array_module(p), widened(grad), widened(p)
        (t,), lr, (eps1, eps2) = self.advanced(state, options), options["lr"], options["eps"]
        eps1 = float(dtypes.finfo(dtypes.of(p)).eps) if eps1 is None else eps1
        rate = xp.maximum(_rms(part), eps2) * min(lr, 1 / math.sqrt(t))
        weight = t ** options["beta2_decay"]
        if p.ndim > 1:
            row, column = (_moved(state[name].array, mean, weight) for name, mean in (
                ("row_var", (g * g).mean(axis=-1, keepdims=True)), ("col_var", (g * g).mean(axis=-2, keepdims=True))
            ))  # fmt: skip
            moments = row * column / xp.maximum(row.mean(axis=-2, keepdims=True), eps1)
        else:
            moments = _moved(state["variance"].array, g * g, weight)
        u = g / xp.sqrt(xp.maximum(moments, eps1 * eps1))
        rate = rate / xp.maximum(_rms(u) / options["d"], 1.0)
        if options["weight_decay"]:
            part = part * (1 - lr * options["weight_decay"])
        p[...] = part - u * rate


def _rms(x: Array) -> Array:
    return array_module(x).sqrt((x * x).mean())


def _moved(state: Array, target: Array, weight: float) -> Array:
    """`state`, moved towards `target` by the part `weight` of their difference, in place."""
    wide = widened(state)
    wide = wide + (target - wide) * weight
    state[...] = wide
    return wide
