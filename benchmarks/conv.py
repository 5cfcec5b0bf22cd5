"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

SHAPES = (  # batch, channels, side, filters, kernel, padding, groups
    (64, 1, 28, 6, 5, 2, 1),
    (64, 6, 14, 16, 5, 0, 1),
    (64, 16, 32, 16, 3, 1, 1),
    (8, 64, 56, 64, 3, 1, 1),
    (8, 256, 56, 64, 1, 0, 1),
    (8, 3, 112, 64, 7, 3, 1),
    (8, 64, 56, 64, 3, 1, 64),
)
OTHERS = (  # function, batch, channels, sides, filters, kernel
    ("conv1d", 16, 64, (1024,), 64, 3),
    ("conv3d", 2, 16, (16, 32, 32), 32, 3),
    ("conv_transpose2d", 8, 64, (28, 28), 32, 4),
)


def cases() -> Iterator[Case]:
    """conv2d of LeNet-5, of a CIFAR ResNet, of ResNet-50 and depthwise, and other ranks; forward and backward."""
    for n, c, side, k, r, pad, groups in SHAPES:
        out = side + 2 * pad - r + 1
        flops = 2 * n * k * out * out * c // groups * r * r
        label = f"{n}x{c}x{side}x{side}-{k}x{r}x{r}" + (f"-groups{groups}" if groups > 1 else "")
        images, weight = (n, c, side, side), (k, c // groups, r, r)
        options = {"padding": pad, "groups": groups}
        yield Case(
            f"conv2d/forward/{label}", _make("conv2d", images, weight, k, options, False), flops=flops, quick=c == 16
        )
        yield Case(
            f"conv2d/forward+backward/{label}", _make("conv2d", images, weight, k, options, True), flops=3 * flops
        )
    for function, n, c, sides, k, r in OTHERS:
        first, second = (c, k) if "transpose" in function else (k, c)
        x, w = (n, c, *sides), (first, second, *[r] * len(sides))
        label = "x".join(map(str, x)) + f"-{k}x{r}"
        seen = sides if "transpose" in function else [side + 3 - r for side in sides]  # places where a filter lies
        flops = 2 * n * c * k * r ** len(sides) * math.prod(seen)
        run = _make(function, x, w, k, {"padding": 1}, True)
        yield Case(f"{function}/forward+backward/{label}", run, flops=3 * flops)


def _make(
    function: str, x: tuple[int, ...], w: tuple[int, ...], filters: int, options: dict[str, int], backward: bool
) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        convolve = getattr(place.lib.nn.functional, function)
        images = place.random(*x, requires_grad=backward)
        weight, bias = place.random(*w, requires_grad=backward), place.random(filters, requires_grad=backward)
        if not backward:
            return lambda: convolve(images, weight, bias, **options)
        g = place.random(*convolve(images, weight, bias, **options).shape)
        inputs = images, weight, bias
        return lambda: place.lib.autograd.grad(convolve(*inputs, **options), inputs, g)

    return make
