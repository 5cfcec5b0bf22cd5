"""Convolutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

SHAPES = (  # batch, channels, side, filters, kernel, padding
    (64, 1, 28, 6, 5, 2),
    (64, 6, 14, 16, 5, 0),
    (64, 16, 32, 16, 3, 1),
    (8, 64, 56, 64, 3, 1),
    (8, 256, 56, 64, 1, 0),
)


def cases() -> Iterator[Case]:
    """conv2d of LeNet-5, of a CIFAR ResNet and of ResNet-50, forward and backward."""
    for n, c, side, k, r, pad in SHAPES:
        out = side + 2 * pad - r + 1
        flops = 2 * n * k * out * out * c * r * r
        label = f"{n}x{c}x{side}x{side}-{k}x{r}x{r}"
        yield Case(f"conv2d/forward/{label}", _make(n, c, side, k, r, pad, False), flops=flops, quick=c == 16)
        yield Case(f"conv2d/forward+backward/{label}", _make(n, c, side, k, r, pad, True), flops=3 * flops)


def _make(n: int, c: int, side: int, k: int, r: int, pad: int, backward: bool) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        conv2d = place.lib.nn.functional.conv2d
        x = place.random(n, c, side, side, requires_grad=backward)
        w, b = place.random(k, c, r, r, requires_grad=backward), place.random(k, requires_grad=backward)
        if not backward:
            return lambda: conv2d(x, w, b, padding=pad)
        g = place.random(*conv2d(x, w, b, padding=pad).shape)
        return lambda: place.lib.autograd.grad(conv2d(x, w, b, padding=pad), (x, w, b), g)

    return make
