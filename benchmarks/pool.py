"""Pooling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .case import Case, Place
from .functional import pair

LINES = "a product of matrices with a vector of ones, then a division: BLAS reads lines of 49 numbers at half its speed"


def cases() -> Iterator[Case]:
    """2×2 pooling of LeNet-5, overlapping 3×3 pooling of ResNet's stem and the mean at its end, in both layouts."""
    yield from pair("max_pool2d-2x2", _max2, (64, 6, 28, 28), out=1 / 4)
    yield from pair("avg_pool2d-2x2", _avg2, (64, 6, 28, 28), out=1 / 4)
    yield from pair("max_pool2d-3x3s2", _max3, (8, 64, 56, 56), out=1 / 4)
    (case, _) = pair("max_pool2d-3x3s2", _max3, (8, 64, 56, 56), out=1 / 4)
    yield replace(case, layout="channels_last")
    yield from pair("max_pool3d-2x2x2", _max_3d, (4, 16, 16, 32, 32), out=1 / 8)
    yield from pair("adaptive_avg_pool2d-1", _mean, (64, 512, 7, 7), out=1 / 49, note=LINES)
    yield from pair("lp_pool2d-2x2", _lp2, (64, 6, 28, 28), out=1 / 4)


def _max2(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.max_pool2d(x, 2)


def _avg2(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.avg_pool2d(x, 2)


def _max3(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.max_pool2d(x, 3, 2, 1)


def _max_3d(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.max_pool3d(x, 2)


def _mean(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.adaptive_avg_pool2d(x, 1)


def _lp2(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.lp_pool2d(x, 2, 2)
