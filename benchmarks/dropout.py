"""Dropout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """Dropout of a transformer's activations, and of whole channels."""
    yield from pair("dropout", _dropout, (512, 768), random=True)
    yield from pair("dropout2d", _dropout2d, (32, 64, 28, 28), random=True)


def _dropout(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.dropout(x, 0.1)


def _dropout2d(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.dropout2d(x, 0.1)
