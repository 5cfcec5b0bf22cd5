"""Reading and writing by index, and embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, Place

SUMS = {
    "index_add": "rows are sorted by their numbers, then read, added and written a pass each, by blocks",
    "scatter_add": "element numbers are computed, then summed in float64 by bincount, which adds one at a time",
    "gather": "element numbers of 8 bytes are checked and computed in four passes before NumPy's take reads by them",
}


def cases() -> Iterator[Case]:
    """A table of words of a small language model, and elements along rows; forward alone and with the gradient."""
    for name, run, moved in (
        ("embedding", _embedding, 2 * 16384 * 256 * 4),
        ("index_add", _index_add, 3 * 16384 * 256 * 4),
        ("index_put", _index_put, 2 * 16384 * 256 * 4),
        ("gather", _gather, 4096 * 512 * 16),
        ("scatter_add", _scatter_add, 4096 * 512 * 16),
    ):
        yield Case(f"{name}/forward", run, moved=moved, note=SUMS.get(name, ""))
    yield Case("embedding/forward+backward", _embedding_backward, moved=(3 * 16384 + 2 * 10000) * 256 * 4)


def _words(place: Place) -> Any:
    index = np.random.default_rng(0).integers(0, 10000, 16384)
    return place.tensor(index)


def _places(place: Place) -> Any:
    index = np.random.default_rng(0).integers(0, 512, (4096, 512))
    return place.tensor(index)


def _embedding(place: Place) -> Any:
    table, index = place.random(10000, 256), _words(place)
    return lambda: place.lib.nn.functional.embedding(index, table)


def _embedding_backward(place: Place) -> Any:
    table, index = place.random(10000, 256).requires_grad_(), _words(place)

    def run() -> Any:
        table.grad = None
        place.lib.nn.functional.embedding(index, table).sum().backward()
        return table.grad

    return run


def _index_add(place: Place) -> Any:
    x, rows, index = place.random(10000, 256), place.random(16384, 256), _words(place)
    return lambda: x.index_add(0, index, rows)


def _index_put(place: Place) -> Any:
    x, rows, index = place.random(10000, 256), place.random(16384, 256), _words(place)
    return lambda: x.index_put((index,), rows)


def _gather(place: Place) -> Any:
    x, index = place.random(4096, 512), _places(place)
    return lambda: x.gather(1, index)


def _scatter_add(place: Place) -> Any:
    x, source, index = place.random(4096, 512), place.random(4096, 512), _places(place)
    return lambda: x.scatter_add(1, index, source)
