"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

STEPS, BATCH = 64, 16


def cases() -> Iterator[Case]:
    """One layer of each kind with 128 units, an LSTM with 512, and a step of a cell; 64 steps of 16 sequences."""
    for kind, hidden, gates in (("RNN", 128, 1), ("GRU", 128, 3), ("LSTM", 128, 4), ("LSTM", 512, 4)):
        for is_forward in (True, False):
            yield _layer(kind, hidden, gates, BATCH, is_forward)
    yield Case(f"lstm_cell/forward/{BATCH}x128", _cell, moved=4 * 8 * 128 * (128 + BATCH), flops=16 * BATCH * 128 * 128)


def _layer(kind: str, hidden: int, gates: int, batch: int, is_forward: bool) -> Case:
    def at(size: int) -> Case:
        return _layer(kind, hidden, gates, size, is_forward)

    phase, make, times = ("forward", _forward, 1) if is_forward else ("forward+backward", _backward, 3)
    return Case(
        f"{kind.lower()}/{phase}/{STEPS}x{batch}x{hidden}",
        make(kind, hidden, batch),
        moved=times * 4 * (2 * STEPS * batch * hidden + 2 * gates * hidden * hidden),
        flops=times * 4 * STEPS * batch * gates * hidden * hidden,
        batch=batch,
        sweep=at,
    )


def _forward(kind: str, hidden: int, batch: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        layer = place.model(getattr(place.lib.nn, kind)(hidden, hidden))
        x = place.random(STEPS, batch, hidden)
        no_grad = place.lib.no_grad

        def run() -> Any:
            with no_grad():
                return layer(x)

        return run

    return make


def _backward(kind: str, hidden: int, batch: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        layer = place.model(getattr(place.lib.nn, kind)(hidden, hidden))
        x, g = place.random(STEPS, batch, hidden), place.random(STEPS, batch, hidden)
        parameters = list(layer.parameters())
        return lambda: place.lib.autograd.grad(layer(x)[0], parameters, g)

    return make


def _cell(place: Place) -> Any:
    cell = place.model(place.lib.nn.LSTMCell(128, 128))
    x = place.random(BATCH, 128)
    return lambda: cell(x)
