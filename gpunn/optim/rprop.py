"""Resilient backpropagation, for gradients of the whole data set."""

from __future__ import annotations

from typing import Any

from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.optim.optimizer import Optimizer, Params, pieces
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class Rprop(Optimizer):
    """p -= sign(g) s, with a step size s for each element: larger by etas[1] where g has kept its sign, smaller by
    etas[0] where it has changed it (and there no step is made), within `step_sizes`. Riedmiller & Braun 1993.

    The first s is `lr`. `foreach` and `capturable` are accepted and change nothing.
    """

    kernel = "optimizer/descent", "rprop"
    arrays = ("prev", "step_size")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = dict(
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Rprop", group, "lr")
        if not 0.0 < group["etas"][0] < 1.0 < group["etas"][1]:
            raise ArgumentError(f"Rprop: Invalid eta values: {group['etas'][0]}, {group['etas'][1]}")

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": options["lr"]}

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        return *options["etas"], *options["step_sizes"]

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        xp, (smaller, larger), (least, greatest) = array_module(p), options["etas"], options["step_sizes"]
        for g, part, before, size in pieces(grad, p, *[state[name].array for name in self.arrays]):
            agreement = g * before
            factor = xp.where(agreement > 0, larger, xp.where(agreement < 0, smaller, 1.0)).astype(size.dtype)
            size *= xp.where(xp.isnan(agreement), agreement, factor)
            xp.clip(size, least, greatest, out=size)
            before[...] = xp.where(agreement < 0, 0.0, g)
            part -= xp.sign(before) * size
