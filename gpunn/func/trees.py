"""Nests of dicts, lists, tuples and deques, and the leaves in them; what is none of these is a leaf."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from copy import copy
from typing import Any

from gpunn.errors import GraphError

DICTS = (dict, OrderedDict, defaultdict)
LISTS = (list, tuple, deque)


def mapped(change: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`tree` with `change(leaf, *leaves)` for each leaf, and the leaves at its place in `others`.

    Raises GraphError if one of the others has another structure.
    """
    for other in others:
        if _structure(other) != _structure(tree):
            raise GraphError(f"expected the python structure of {described(tree)}, got that of {described(other)}")
    if type(tree) in DICTS:
        new = copy(tree)  # keeps what a defaultdict gives for other keys
        new.update((key, mapped(change, tree[key], *[o[key] for o in others])) for key in tree)
        return new
    if isinstance(tree, LISTS):
        parts = [mapped(change, *several) for several in zip(tree, *others, strict=True)]
        if isinstance(tree, deque):
            return deque(parts, tree.maxlen)
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return change(tree, *others)


def leaves(tree: Any) -> list[Any]:
    """The leaves of `tree` in their order."""
    found: list[Any] = []
    mapped(found.append, tree)
    return found


def described(tree: Any) -> str:
    """The structure of `tree`: "(*, {'a': *})"."""
    return repr(mapped(lambda leaf: _STAR, tree))


def _structure(tree: Any) -> Any:
    """What must be the same in trees of the same structure, without their parts."""
    if type(tree) in DICTS:
        return type(tree), tree.keys()
    return (type(tree), len(tree)) if isinstance(tree, LISTS) else None


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
