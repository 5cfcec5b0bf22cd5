"""Losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, Place
from .functional import pair

PASSES = "forward three to eight passes of NumPy over pieces in the cache and a sum by BLAS, where PyTorch has one loop"


def cases() -> Iterator[Case]:
    """Cross-entropy of few and of many classes, of labels and probabilities; losses of numbers."""
    yield from pair("cross_entropy", _cross_entropy, (64, 10), out=0)
    yield from pair("cross_entropy", _cross_entropy, (256, 4096), out=0)
    yield from pair("cross_entropy-soft", _soft_targets, (256, 4096), out=0)
    yield from pair("mse_loss", _mse_loss, (64, 1024), out=0, note=PASSES)
    yield from pair("smooth_l1_loss", _smooth_l1_loss, (256, 4096), out=0, note=PASSES)
    yield from pair("binary_cross_entropy_with_logits", _logits, (256, 4096), out=0)


def _cross_entropy(place: Place, x: Any) -> Any:
    labels = place.tensor(np.arange(x.shape[0], dtype=np.int64) % 10)
    return place.lib.nn.functional.cross_entropy(x, labels)


def _mse_loss(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.mse_loss(x, x.detach())


def _soft_targets(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.cross_entropy(x, x.detach())


def _smooth_l1_loss(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.smooth_l1_loss(x, x.detach() * 0.5)


def _logits(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.binary_cross_entropy_with_logits(x, x.detach() * 0.5)
