"""Muon: steps along orthogonal matrices near the momentum of a matrix."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError
from gpunn.ops.reduction.accumulate import widened
from gpunn.optim.optimizer import Optimizer, Params
from gpunn.optim.options import check_not_negative

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
NARROW: Final = dtypes.bfloat16.numpy


class Muon(Optimizer):
    """b = momentum b + (1 - momentum) g,  p = (1 - lr weight_decay) p - lr r O(b), for matrices only.

    O(b) is near the orthogonal matrix nearest b: `ns_steps` times X = (a + b XXᵀ + c (XXᵀ)²) X with (a, b, c) =
    `ns_coefficients`, from b / |b|, |b| at least `eps`; rounded to bfloat16 after each product. With `nesterov` g moves
    by `momentum` towards b first. r is max(1, rows / columns)^½, or 0.2 max(rows, columns)^½ for adjust_lr_fn =
    "match_rms_adamw". K. Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.
    """

    counts = ()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        )
        super().__init__(params, defaults)

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("Muon", group, "lr", "momentum", "weight_decay")
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Muon: Adjust learning rate function {group['adjust_lr_fn']} is not supported")
        if len(group["ns_coefficients"]) != 3:
            raise ArgumentError(f"Muon: ns_coefficients must be 3 numbers, got {group['ns_coefficients']}")
        if group["ns_steps"] >= 100:
            raise ArgumentError(f"Muon: ns_steps must be less than 100, got {group['ns_steps']}")
        for p in group["params"]:
            if p.ndim != 2:
                raise ArgumentError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {tuple(p.shape)}"
                )

    def first_counts(self, options: dict[str, Any]) -> dict[str, float]:
        return {}

    def advanced(self, state: dict[str, Any], options: dict[str, Any]) -> tuple[float, ...]:
        return ()

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0}

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        g, buffer, lr, momentum = widened(grad), state["momentum_buffer"].array, options["lr"], options["momentum"]
        b = widened(buffer)
        b = b + (g - b) * (1 - momentum)
        buffer[...] = b
        direction = b - (b - g) * (1 - momentum) if options["nesterov"] else b
        turned = orthogonal(direction, options["ns_coefficients"], options["ns_steps"], options["eps"])
        rows, columns = p.shape
        if options["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1, rows / columns)) if columns else 1.0
        part = widened(p) * (1 - lr * options["weight_decay"])
        p[...] = part - turned.astype(part.dtype) * (lr * ratio)


def orthogonal(g: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """A matrix of float32 whose singular values are near 1, and whose singular vectors are those of g (m, n).

    They come to 0.7 to 1.2, by Newton and Schulz's iteration of the fifth degree.
    """
    a, b, c = coefficients
    is_tall = g.shape[0] > g.shape[1]
    x = _rounded(g.T if is_tall else g)
    xp = array_module(x)
    x = _rounded(x / xp.maximum(_rounded(xp.sqrt((x * x).sum())), np.float32(eps)))
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        x = _rounded(x * a + _rounded(gram * b + (gram @ gram) * c) @ x)
    return x.T if is_tall else x


def _rounded(x: Array) -> Array:
    """float32 numbers that bfloat16 can hold."""
    return x.astype(NARROW).astype(np.float32)
