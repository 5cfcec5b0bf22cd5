"""Normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair

PASSES = (
    "mean and variance in two passes, corrected: seven passes of NumPy and BLAS over blocks forward, eight backward, "
    "where PyTorch has two loops each"
)


def cases() -> Iterator[Case]:
    """Batch normalisation in training; the norms of transformers, and those of single images."""
    yield from pair("batch_norm", _batch_norm, (64, 16, 32, 32), note=PASSES)
    yield from pair("batch_norm", _batch_norm, (256, 512), note=PASSES)
    yield from pair("layer_norm", _layer_norm, (2048, 768), note=PASSES)
    yield from pair("rms_norm", _rms_norm, (2048, 768), note=PASSES)
    yield from pair("group_norm", _group_norm, (16, 64, 32, 32), note=PASSES)
    yield from pair("instance_norm", _instance_norm, (16, 64, 32, 32), note=PASSES)
    yield from pair("local_response_norm", _local_response_norm, (16, 64, 27, 27))
    yield from pair("normalize", _normalize, (4096, 512), note=PASSES)


def _batch_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.batch_norm(x, None, None, training=True)


def _layer_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.layer_norm(x, (768,))


def _rms_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.rms_norm(x, (768,))


def _group_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.group_norm(x, 8)


def _instance_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.instance_norm(x)


def _local_response_norm(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.local_response_norm(x, 5)


def _normalize(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.normalize(x)
