"""torch.utils._pytree, which libraries use though it is PyTorch's own: nests as lists of their leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gpunn.errors import ArgumentError
from gpunn.func.trees import described, leaves, mapped

PyTree: TypeAlias = Any


@dataclass(frozen=True)
class TreeSpec:
    """The structure of a nest of dicts, lists and tuples: the nest with the numbers of its leaves in their places."""

    numbered: Any

    @property
    def num_leaves(self) -> int:
        """How many leaves there are."""
        return len(leaves(self.numbered))

    def unflatten(self, found: Iterable[Any]) -> PyTree:
        """The nest with the leaves `found`; ArgumentError if they are too few or too many."""
        return tree_unflatten(found, self)

    def __repr__(self) -> str:
        return f"TreeSpec({described(self.numbered)})"


def tree_flatten(tree: PyTree) -> tuple[list[Any], TreeSpec]:
    """The leaves of a nest, and its structure."""
    found = leaves(tree)
    numbers = iter(range(len(found)))
    return found, TreeSpec(mapped(lambda leaf: next(numbers), tree))


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The nest of a structure with these leaves; ArgumentError if they are too few or too many."""
    found = list(leaves)
    if len(found) != treespec.num_leaves:
        raise ArgumentError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(found)} but the spec refers to a pytree that "
            f"holds {treespec.num_leaves} items ({treespec})."
        )
    return mapped(found.__getitem__, treespec.numbered)


def tree_leaves(tree: PyTree) -> list[Any]:
    """The leaves of a nest."""
    return leaves(tree)


def tree_structure(tree: PyTree) -> TreeSpec:
    """The structure of a nest."""
    return tree_flatten(tree)[1]


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree) -> PyTree:
    """The nest with func(leaf, *leaves at the same place of the rests) for each leaf."""
    return mapped(func, tree, *rests)


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: PyTree) -> PyTree:
    """The nest with func(leaf) for each leaf that is an instance of `kind`, a type or several."""
    return mapped(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)


def tree_all(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether pred(leaf) holds for all leaves."""
    return all(map(pred, leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether pred(leaf) holds for one leaf at least."""
    return any(map(pred, leaves(tree)))
