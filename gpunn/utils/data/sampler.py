"""Samplers: in which order a DataLoader draws samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from gpunn import ops, random
from gpunn.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gpunn.ops.sampling.draw import source
from gpunn.random import Generator
from gpunn.tensor import Tensor

AT_ONCE = 1024  # draws with replacement: a program may ask for 10^10 and stop when it has had enough
T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """An iterable of sample numbers (or of batches of them) that can be iterated again each epoch."""

    def __iter__(self) -> Iterator[T_co]:
        raise UnsupportedError(f"{type(self).__name__}: subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, …"""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All numbers in random order; with `replacement`, `num_samples` independent draws."""

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if num_samples is not None and not isinstance(num_samples, int):
            raise ArgumentError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if self.num_samples <= 0:
            raise ArgumentError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}"
                + (": the dataset is empty" if num_samples is None else "")
            )

    @property
    def num_samples(self) -> int:
        """How many numbers one iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = _spawned() if self.generator is None else source("RandomSampler", self.generator)
        n = len(self.data_source)
        if n == 0:
            raise ArgumentError(f"RandomSampler: cannot draw {self.num_samples} samples from an empty dataset")
        if self.replacement:
            for start in range(0, self.num_samples, AT_ONCE):
                count = min(AT_ONCE, self.num_samples - start)
                yield from random.integers(np, generator, (count,), np.int64, 0, n).tolist()
            return
        left = self.num_samples
        while left > 0:
            yield from random.permutation(np, generator, n, np.int64)[:left].tolist()
            left -= n

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given numbers in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        generator = source("SubsetRandomSampler", self.generator)
        for i in random.permutation(np, generator, len(self.indices), np.int64).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` numbers in [0, len(weights)), each with a probability proportional to its weight."""

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ArgumentError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ArgumentError(f"replacement should be a boolean value, but got replacement={replacement}")
        if isinstance(weights, str) or not isinstance(weights, Iterable):
            raise ArgumentTypeError(f"weights should be a sequence of numbers, got {type(weights).__name__}")
        try:
            array = np.asarray([float(w) for w in weights], np.float64)
        except (TypeError, ValueError):
            array = np.zeros(0)  # rows, texts or None among them
        if (array < 0).any() or not 0 < array.sum() < np.inf:
            raise ArgumentError("weights should be a 1d sequence of finite, non-negative numbers, not all zero")
        if not replacement and num_samples > int((array > 0).sum()):
            raise ArgumentError(f"cannot draw {num_samples} samples without replacement from these weights")
        self.weights: Tensor = ops.as_tensor(array)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        generator, weights = source("WeightedRandomSampler", self.generator), self.weights.numpy()
        if self.replacement:
            ends = np.cumsum(weights / weights.sum())
            u = random.uniform(np, generator, (self.num_samples,), np.float64)
            drawn = np.minimum(np.searchsorted(ends, u, side="right"), len(ends) - 1)
        else:  # Efraimidis & Spirakis 2006: the largest log(u) / w, exponential races
            u = random.uniform(np, generator, weights.shape, np.float64)
            with np.errstate(divide="ignore"):
                keys = np.log1p(-u) / weights
            drawn = np.argsort(-keys, kind="stable")[: self.num_samples]
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` numbers from another sampler; the last, shorter one is left out if `drop_last`."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return n + (1 if rest and not self.drop_last else 0)


def _spawned() -> Generator:
    """A generator of its own for one epoch, seeded by the default one: shuffling costs it one draw."""
    return Generator().manual_seed(draw_seed(random.default_generator))


def draw_seed(generator: Generator) -> int:
    """A seed in [0, 2^62)."""
    drawn: Any = random.integers(np, generator, (), np.int64, 0, 2**62)
    return int(drawn)
