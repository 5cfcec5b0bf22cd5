"""Matrix products and linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place


def cases() -> Iterator[Case]:
    """Square matmul and linear layers, forward and backward."""
    for n in (64, 512, 1024):
        yield Case(f"matmul/forward/{n}", _matmul(n), flops=2 * n**3, quick=n == 512)
    for batch, n, m in ((64, 784, 512), (64, 400, 120)):
        yield Case(f"linear/forward/{batch}x{n}x{m}", _linear(batch, n, m), flops=2 * batch * n * m)
        yield Case(f"linear/forward+backward/{batch}x{n}x{m}", _backward(batch, n, m), flops=6 * batch * n * m)


def _matmul(n: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        a, b = place.random(n, n), place.random(n, n)
        return lambda: a @ b

    return make


def _linear(batch: int, n: int, m: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x, w, b = place.random(batch, n), place.random(m, n), place.random(m)
        return lambda: place.lib.nn.functional.linear(x, w, b)

    return make


def _backward(batch: int, n: int, m: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x, w, b = (place.random(*s, requires_grad=True) for s in ((batch, n), (m, n), (m,)))
        g = place.random(batch, m)
        return lambda: place.lib.autograd.grad(place.lib.nn.functional.linear(x, w, b), (x, w, b), g)

    return make
