"""Normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """Batch normalisation in training."""
    yield from pair("batch_norm", _batch_norm, (64, 16, 32, 32))
    yield from pair("batch_norm", _batch_norm, (256, 512))


def _batch_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.batch_norm(x, None, None, training=True)
