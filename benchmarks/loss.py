"""Losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """Cross-entropy of few and of many classes, mean squared error."""
    yield from pair("cross_entropy", _cross_entropy, (64, 10))
    yield from pair("cross_entropy", _cross_entropy, (256, 4096))
    yield from pair("mse_loss", _mse_loss, (64, 1024))


def _cross_entropy(place: Place, x: Any) -> Any:
    labels = place.tensor(np.arange(x.shape[0], dtype=np.int64) % 10)
    return place.lib.nn.functional.cross_entropy(x, labels)


def _mse_loss(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.mse_loss(x, x.detach())
