"""Reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place


def cases() -> Iterator[Case]:
    """sum over all and over the first axis, amax and argmax over the last, sort."""
    for name, options in (("sum", {}), ("sum", {"dim": 0}), ("amax", {"dim": 1}), ("argmax", {"dim": 1}), ("sort", {})):
        over = f"dim{options['dim']}" if options else "all"
        yield Case(f"{name}/{over}/1024x1024", _make(name, options), moved=4 << 20)


def _make(name: str, options: dict[str, int]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        function = getattr(place.lib, name)
        x = place.random(1024, 1024)
        return lambda: function(x, **options)

    return make
