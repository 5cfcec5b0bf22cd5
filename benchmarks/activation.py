"""Activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair

WIDE = "within 1 ulp: exp in float64, with {} passes of NumPy where PyTorch has one loop in float32"


def cases() -> Iterator[Case]:
    """relu and sigmoid of a LeNet-sized map, gelu and silu of a transformer's hidden layer."""
    yield from pair("relu", _relu, (64, 6, 28, 28))
    yield from pair("sigmoid", _sigmoid, (64, 6, 28, 28))
    yield from pair("gelu", _gelu, (512, 3072), note=WIDE.format("about 25"))
    yield from pair("silu", _silu, (512, 3072), note=WIDE.format("seven"))


def _relu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.relu(x)


def _sigmoid(place: Place, x: Any) -> Any:
    return place.lib.sigmoid(x)


def _gelu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.gelu(x)


def _silu(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.silu(x)
