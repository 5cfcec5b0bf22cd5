"""What the engine costs for one operation: its call, and its place in the backward walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from gpunn.engine import Function

from .case import Case, Place

CALLS = 1000  # in one run
CHAIN = 100  # operations in a row, whose graph is dropped before the next


def cases() -> Iterator[Case]:
    """Calls of a stand-in operation, of its forward alone, and walks over a chain of them; addition beside NumPy's."""
    yield Case("engine/call", _called, calls=CALLS, quick=True)
    yield Case("engine/recorded", _recorded, calls=CALLS, quick=True)
    yield Case("engine/saving", _saving, calls=CALLS)
    yield Case("engine/backward", _walked, calls=CHAIN, quick=True)
    yield Case("engine/bare", _bare, calls=CALLS, quick=True)
    yield Case("add/recorded", _added, calls=CALLS)
    yield Case("add/numpy", _added_by_numpy, calls=CALLS)


class _Passing(Function):
    """Two arrays in, the first out: what is left of a call is the engine's."""

    def forward(self, x: Any, y: Any) -> Any:
        return x

    def backward(self, grad: Any) -> tuple[Any, ...]:
        return grad, None


class _Saving(_Passing):
    saves: ClassVar = {1: (0,)}


def _called(place: Place) -> Any:
    x, y = place.random(4), place.random(4)

    def run() -> None:
        for _ in range(CALLS):
            _Passing()(x, y)

    return run


def _chained(kind: type[Function], place: Place) -> Any:
    x, y = place.random(4, requires_grad=True), place.random(4)

    def run() -> Any:
        result = x
        for _ in range(CHAIN):
            result = kind()(result, y)
        return result

    return run


def _chains(kind: type[Function], place: Place) -> Any:
    chain = _chained(kind, place)

    def run() -> None:
        for _ in range(CALLS // CHAIN):
            chain()

    return run


def _recorded(place: Place) -> Any:
    return _chains(_Passing, place)


def _saving(place: Place) -> Any:
    return _chains(_Saving, place)


def _walked(place: Place) -> Any:
    gradient = place.random(4)
    return _chained(_Passing, place), lambda end: end.backward(gradient)


def _bare(place: Place) -> Any:
    operation, x, y = _Passing(), np.ones(4, np.float32), np.ones(4, np.float32)

    def run() -> None:
        for _ in range(CALLS):
            operation.forward(x, y)

    return run


def _added(place: Place) -> Any:
    x, y = place.random(4, requires_grad=True), place.random(4)

    def run() -> None:
        for _ in range(CALLS):
            x + y

    return run


def _added_by_numpy(place: Place) -> Any:
    x, y = np.ones(4, np.float32), np.ones(4, np.float32)

    def run() -> None:
        for _ in range(CALLS):
            x + y

    return run
