"""Matrix products and linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place


def cases() -> Iterator[Case]:
    """Square matmul and linear layers, forward and backward."""
    for n in (64, 512, 1024):
        yield Case(f"matmul/forward/{n}", _matmul(n), moved=12 * n * n, flops=2 * n**3, quick=n == 512)
    yield Case("matmul/forward/8192", _matmul(8192), moved=12 << 26, flops=2 << 39, large=True)
    for batch, n, m in ((64, 784, 512), (64, 400, 120)):
        for is_forward in (True, False):
            yield _linear(batch, n, m, is_forward)


def _linear(batch: int, n: int, m: int, is_forward: bool) -> Case:
    def at(size: int) -> Case:
        return _linear(size, n, m, is_forward)

    flops, moved = 2 * batch * n * m, 4 * (batch * n + n * m + m + batch * m)
    if is_forward:
        make, name, times = _forward, "forward", 1
    else:
        make, name, times = _backward, "forward+backward", 3
    label = f"linear/{name}/{batch}x{n}x{m}"
    return Case(label, make(batch, n, m), moved=times * moved, flops=times * flops, batch=batch, sweep=at)


def _matmul(n: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        a, b = place.random(n, n), place.random(n, n)
        return lambda: a @ b

    return make


def _forward(batch: int, n: int, m: int) -> Callable[[Place], Any]:
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
