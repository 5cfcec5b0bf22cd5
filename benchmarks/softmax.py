"""Softmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """log_softmax of few and of many classes."""
    yield from pair("log_softmax", _log_softmax, (64, 10))
    yield from pair("log_softmax", _log_softmax, (256, 4096))


def _log_softmax(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.log_softmax(x, 1)
