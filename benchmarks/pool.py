"""Pooling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """2×2 pooling of LeNet-5 and overlapping 3×3 pooling of ResNet's stem."""
    yield from pair("max_pool2d-2x2", _max2, (64, 6, 28, 28))
    yield from pair("avg_pool2d-2x2", _avg2, (64, 6, 28, 28))
    yield from pair("max_pool2d-3x3s2", _max3, (8, 64, 56, 56))


def _max2(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.max_pool2d(x, 2)


def _avg2(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.avg_pool2d(x, 2)


def _max3(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.max_pool2d(x, 3, 2, 1)
