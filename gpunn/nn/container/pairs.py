"""What the dictionaries of modules and parameters take: mappings and sequences of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpunn.errors import ArgumentError, ArgumentTypeError


def pairs(container: str, given: Any) -> list[tuple[Any, Any]]:
    """The (key, value) pairs of `given`."""
    if hasattr(given, "items"):
        return list(given.items())
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{container}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    found = []
    for i, item in enumerate(given):
        if not isinstance(item, Iterable):
            kind = type(item).__name__
            raise ArgumentTypeError(f"{container} update sequence element #{i} should be Iterable; is {kind}")
        pair = tuple(item)
        if len(pair) != 2:
            raise ArgumentError(f"{container} update sequence element #{i} has length {len(pair)}; 2 is required")
        found.append(pair)
    return found
