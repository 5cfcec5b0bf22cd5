"""Padding, resizing and sampling of images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair

TAPS = (
    "four taps, each a pass that gathers rows, one that weighs and one that adds them, where PyTorch has one loop; "
    "backward the rows are sorted by element to be added in one order"
)


def cases() -> Iterator[Case]:
    """Reflected edges, 2x upsampling as in decoders, and a spatial transformer's sampling."""
    yield from pair("pad-reflect", _reflect, (16, 64, 56, 56))
    yield from pair("interpolate-nearest", _nearest, (16, 64, 28, 28), out=4)
    yield from pair("interpolate-bilinear", _bilinear, (16, 64, 28, 28), out=4)
    yield from pair("interpolate-bicubic", _bicubic, (16, 3, 64, 64), out=2.25)
    yield from pair("grid_sample-bilinear", _sample, (16, 16, 64, 64), note=TAPS)


def _reflect(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.pad(x, (1, 1, 1, 1), "reflect")


def _nearest(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.interpolate(x, scale_factor=2)


def _bilinear(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")


def _bicubic(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.interpolate(x, size=(96, 96), mode="bicubic")


def _sample(place: Place, x: Any) -> Any:
    theta = place.random(len(x), 2, 3)
    functional = place.lib.nn.functional
    return functional.grid_sample(x, functional.affine_grid(theta, tuple(x.shape), False), align_corners=False)
