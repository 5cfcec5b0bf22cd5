"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

STEPS, BATCH = 64, 16


def cases() -> Iterator[Case]:
    """One layer of each kind with 128 units, an LSTM with 512, and a step of a cell; 64 steps of 16 sequences."""
    for kind, hidden, gates in (("RNN", 128, 1), ("GRU", 128, 3), ("LSTM", 128, 4), ("LSTM", 512, 4)):
        label = f"{STEPS}x{BATCH}x{hidden}"
        flops = 4 * STEPS * BATCH * gates * hidden * hidden
        yield Case(f"{kind.lower()}/forward/{label}", _forward(kind, hidden), flops=flops)
        yield Case(f"{kind.lower()}/forward+backward/{label}", _backward(kind, hidden), flops=3 * flops)
    yield Case(f"lstm_cell/forward/{BATCH}x128", _cell, flops=16 * BATCH * 128 * 128)


def _forward(kind: str, hidden: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        layer = getattr(place.lib.nn, kind)(hidden, hidden).to(place.device)
        x = place.random(STEPS, BATCH, hidden)
        no_grad = place.lib.no_grad

        def run() -> Any:
            with no_grad():
                return layer(x)

        return run

    return make


def _backward(kind: str, hidden: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        layer = getattr(place.lib.nn, kind)(hidden, hidden).to(place.device)
        x, g = place.random(STEPS, BATCH, hidden), place.random(STEPS, BATCH, hidden)
        parameters = list(layer.parameters())
        return lambda: place.lib.autograd.grad(layer(x)[0], parameters, g)

    return make


def _cell(place: Place) -> Any:
    cell = place.lib.nn.LSTMCell(128, 128).to(place.device)
    x = place.random(BATCH, 128)
    return lambda: cell(x)
