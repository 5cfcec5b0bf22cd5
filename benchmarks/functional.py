"""Cases of one function of nn.functional, forward and forward with backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place


def pair(name: str, call: Callable[[Any, Any], Any], shape: tuple[int, ...], flops: int = 0) -> Iterator[Case]:
    """`call(F, x)` with x of `shape`: forward, and forward+backward."""
    label, size = "x".join(map(str, shape)), 4
    for n in shape:
        size *= n
    yield Case(f"{name}/forward/{label}", _forward(call, shape), moved=2 * size, flops=flops)
    yield Case(f"{name}/forward+backward/{label}", _backward(call, shape), moved=5 * size, flops=3 * flops)


def _forward(call: Callable[[Any, Any], Any], shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x = place.random(*shape)
        return lambda: call(place, x)

    return make


def _backward(call: Callable[[Any, Any], Any], shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x = place.random(*shape, requires_grad=True)
        g = place.random(*call(place, x).shape)
        return lambda: place.lib.autograd.grad(call(place, x), x, g)

    return make
