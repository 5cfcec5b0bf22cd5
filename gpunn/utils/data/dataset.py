"""Datasets: what a DataLoader draws samples from."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from gpunn import random
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, UnsupportedError
from gpunn.random import Generator
from gpunn.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class RefusedError(ArgumentError, AssertionError):
    """What PyTorch's datasets and loaders refuse by an assertion."""


class Dataset(Generic[T_co]):
    """Samples by number: subclasses give `__getitem__(index)` and usually `__len__()`."""

    def __getitem__(self, index: Any) -> T_co:
        raise UnsupportedError(f"{type(self).__name__}: subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after the other: subclasses give `__iter__`. With several workers each one iterates a copy, so
    use `get_worker_info()` to give each its share. The sum of two is one stream after the other."""

    def __add__(self, other: Dataset[T_co]) -> Any:
        return ChainDataset([self, other])


class ChainDataset(IterableDataset[Any]):
    """IterableDatasets one after the other."""

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        super().__init__()
        self.datasets = datasets

    def _parts(self) -> Iterator[Any]:
        for part in self.datasets:
            if not isinstance(part, IterableDataset):
                raise RefusedError(
                    f"ChainDataset only supports IterableDataset, got {type(part).__name__}: ConcatDataset takes others"
                )
            yield part

    def __iter__(self) -> Iterator[Any]:
        for part in self._parts():
            yield from part

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts())


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples (t[i] for each of `tensors`), which have one length."""

    def __init__(self, *tensors: Tensor) -> None:
        if not all(isinstance(t, Tensor) for t in tensors):
            raise ArgumentTypeError(f"TensorDataset: expected tensors, got {[type(t).__name__ for t in tensors]}")
        if any(t.shape[0] != tensors[0].shape[0] for t in tensors):
            raise RefusedError(f"TensorDataset: Size mismatch between tensors: {[tuple(t.shape) for t in tensors]}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def batch(self, indices: Sequence[int]) -> list[Tensor]:
        """What `default_collate` makes of the samples `indices`, in one indexing operation."""
        return [t[np.asarray(indices, np.int64)] for t in self.tensors]


class ConcatDataset(Dataset[T_co]):
    """Datasets one after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise RefusedError("ConcatDataset: datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise RefusedError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        if not -len(self) <= index < len(self):
            raise IndexRangeError(f"ConcatDataset: index {index} is out of range for {len(self)} samples")
        index %= len(self)
        number = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[number - 1] if number else 0
        sample: T_co = self.datasets[number][index - before]
        return sample


class Subset(Dataset[T_co]):
    """The samples `indices` of a dataset."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """The samples `indices`, in one call of the dataset if it has `__getitems__`, too."""
        chosen = [self.indices[i] for i in indices]
        many = getattr(self.dataset, "__getitems__", None)
        return [self.dataset[i] for i in chosen] if many is None else many(chosen)

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset[Any]]:
    """`dataset` cut at random into subsets of the given lengths, or of the given fractions of the whole."""
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9 and any(isinstance(n, float) for n in lengths):
        if any(not 0 <= fraction <= 1 for fraction in lengths):
            raise ArgumentError(f"random_split: fractions must be between 0 and 1, got {list(lengths)}")
        sizes = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(n) for n in lengths]
        if sizes != list(lengths):
            raise ArgumentError(
                f"random_split: expected whole numbers that add up to {total}, or fractions that add up to 1, got "
                f"{list(lengths)}"
            )
    if any(size < 0 for size in sizes):
        raise ArgumentError(f"random_split: lengths must not be negative, got {list(lengths)}")
    if sum(sizes) != total:
        raise ArgumentError(
            f"Sum of input lengths does not equal the length of the input dataset! {sum(sizes)} and {total}"
        )
    order = random.permutation(np, generator or random.default_generator, total, np.int64).tolist()
    ends = itertools.accumulate(sizes)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
