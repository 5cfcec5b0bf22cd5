"""Activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair

LOOKED_UP = "a parabola looked up for each number: 15 passes over pieces in the cache, where PyTorch has one loop"
PASSES = "ten passes of NumPy over pieces in the cache, forward and backward, where PyTorch has two loops"


def cases() -> Iterator[Case]:
    """relu and sigmoid of a LeNet-sized map, gelu and silu of a transformer's hidden layer."""
    yield from pair("relu", _relu, (64, 6, 28, 28))
    yield from pair("sigmoid", _sigmoid, (64, 6, 28, 28), note=PASSES)
    yield from pair("gelu", _gelu, (512, 3072), note=LOOKED_UP)
    yield from pair("silu", _silu, (512, 3072), note=PASSES)


def _relu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.relu(x)


def _sigmoid(place: Place, x: Any) -> Any:
    return place.lib.sigmoid(x)


def _gelu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.gelu(x)


def _silu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.silu(x)
