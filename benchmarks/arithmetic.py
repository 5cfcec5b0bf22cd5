"""Elementwise operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

SIZES = (64, 1 << 16, 1 << 22)  # overhead, cache, memory


def cases() -> Iterator[Case]:
    """add, mul, exp and tanh, forward, from tiny to large."""
    for name, arity in (("add", 2), ("mul", 2), ("exp", 1), ("tanh", 1)):
        for n in SIZES:
            yield Case(f"{name}/forward/{n}", _forward(name, arity, n), moved=4 * n * (arity + 1), quick=name == "add")
    yield Case("add/forward+backward/64", _backward(64), moved=4 * 64 * 5)  # a, b → y; dy → da


def _forward(name: str, arity: int, n: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        function = getattr(place.lib, name)
        operands = [place.random(n) for _ in range(arity)]
        return lambda: function(*operands)

    return make


def _backward(n: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        a, b, g = place.random(n, requires_grad=True), place.random(n), place.random(n)

        def run() -> Any:
            a.grad = None
            (a + b).backward(g)
            return a.grad

        return run

    return make
