"""Softmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair

FEW = "NumPy's six calls take half of the time, and one of them on so few numbers as long as PyTorch for all"


def cases() -> Iterator[Case]:
    """log_softmax of few and of many classes, softmax along the channels of images."""
    yield from pair("log_softmax", _log_softmax, (64, 10), note=FEW)
    yield from pair("log_softmax", _log_softmax, (256, 4096))
    yield from pair("softmax-channels", _channels, (8, 64, 56, 56))


def _log_softmax(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.log_softmax(x, 1)


def _channels(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.softmax(x, 1)
