"""DataLoader: batches of a dataset, drawn in this process or by worker processes."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gpunn import random
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.random import Generator
from gpunn.utils.data.collate import default_collate, default_convert
from gpunn.utils.data.dataset import IterableDataset, RefusedError, TensorDataset
from gpunn.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed
from gpunn.utils.data.worker import Exhausted, WorkerPool

_END = object()
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader:
    """Batches of `dataset`, one epoch for each iteration.

    With `num_workers` > 0 that many processes load and collate, `prefetch_factor` batches each ahead; the order of
    batches and the random numbers of a worker do not depend on timing. `pin_memory` is accepted; transfers to a GPU
    do not use it. An exception in a worker is raised here, with its class and traceback.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_context(num_workers, multiprocessing_context)
        self.dataset, self.num_workers, self.pin_memory, self.timeout = dataset, num_workers, pin_memory, timeout
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.generator, self.persistent_workers = generator, persistent_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.batch_size, self.drop_last = batch_size, drop_last
        self._is_iterable = isinstance(dataset, IterableDataset)
        self.sampler = self._choose_sampler(shuffle, sampler, batch_sampler)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            self.batch_size, self.drop_last = None, False
        elif batch_size is None:
            if drop_last:
                raise ArgumentError("batch_size=None option disables auto-batching and is exclusive with drop_last")
        else:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        default = default_convert if batch_sampler is None else default_collate
        self.collate_fn = default if collate_fn is None else collate_fn
        self._pool: WorkerPool | None = None

    def _choose_sampler(self, shuffle: Any, sampler: Any, batch_sampler: Any) -> Any:
        if sampler is not None and shuffle:
            raise ArgumentError("sampler option is mutually exclusive with shuffle")
        if self._is_iterable:
            if shuffle or sampler is not None or batch_sampler is not None:
                raise ArgumentError(
                    "DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler option"
                )
            return itertools.repeat(None)
        if sampler is not None:
            return sampler
        return RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_pool" in self.__dict__:
            raise ArgumentError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        index_batches = iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        if self.num_workers:
            return _Epoch(self, self._load_in_workers(index_batches))
        if self.timeout:
            raise RefusedError(f"timeout={self.timeout} needs worker processes: let num_workers > 0 or timeout=0")
        return _Epoch(self, self._load_here(index_batches))

    def _load_here(self, index_batches: Iterator[Any]) -> Iterator[Any]:
        fetch = self._make_fetcher()(self.dataset)
        for indices in index_batches:
            batch = fetch(indices)
            if isinstance(batch, Exhausted):
                return
            yield batch

    def _load_in_workers(self, index_batches: Iterator[Any]) -> Iterator[Any]:
        pool, self._pool = self._pool or self._start_workers(), None  # a second iterator meanwhile starts its own
        is_fine = False
        try:
            yield from pool.run(index_batches)
            is_fine = True
        except GeneratorExit:  # what is still under way belongs to an epoch that nobody asks for
            is_fine = True
            raise
        finally:
            if is_fine and self.persistent_workers and self._pool is None:
                self._pool = pool
            else:
                pool.shut_down()

    def _start_workers(self) -> WorkerPool:
        return WorkerPool(
            self.dataset,
            self._make_fetcher(),
            self.num_workers,
            draw_seed(self.generator or random.default_generator),
            self.worker_init_fn,
            self.multiprocessing_context,
            self.timeout,
            self.prefetch_factor or 2,
        )

    def _make_fetcher(self) -> Callable[[Any], Callable[[Any], Any]]:
        """A function that makes, from the dataset, the function from indices to batch; it goes to the workers."""
        if self._is_iterable:
            return functools.partial(_StreamFetcher, self.collate_fn, self.batch_size, self.drop_last)
        if self.batch_sampler is None:
            return functools.partial(_SampleFetcher, self.collate_fn)
        return functools.partial(_BatchFetcher, self.collate_fn)

    def __len__(self) -> int:
        if self._is_iterable:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def __del__(self) -> None:
        pool = self.__dict__.get("_pool")
        if pool is not None:
            pool.shut_down()


class _Epoch:
    """One pass over a loader's batches, as many as its `len`."""

    def __init__(self, loader: DataLoader, batches: Iterator[Any]) -> None:
        self._loader, self._batches = loader, batches

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._batches)

    def __len__(self) -> int:
        return len(self._loader)


class _BatchFetcher:
    """Samples by their numbers, collated."""

    def __init__(self, collate: Callable[[Any], Any], dataset: Any) -> None:
        self.collate, self.dataset = collate, dataset

    def __call__(self, indices: Any) -> Any:
        is_plain = getattr(type(self.dataset), "__getitem__", None) is TensorDataset.__getitem__
        if is_plain and self.collate is default_collate:
            return self.dataset.batch(indices)
        many = getattr(self.dataset, "__getitems__", None)
        return self.collate([self.dataset[i] for i in indices] if many is None else many(indices))


class _SampleFetcher:
    """One sample by its number, converted."""

    def __init__(self, collate: Callable[[Any], Any], dataset: Any) -> None:
        self.collate, self.dataset = collate, dataset

    def __call__(self, index: Any) -> Any:
        return self.collate(self.dataset[index])


class _StreamFetcher:
    """The next samples of an iterable dataset, collated; Exhausted at its end."""

    def __init__(self, collate: Callable[[Any], Any], batch_size: int | None, drop_last: bool, dataset: Any) -> None:
        self.collate, self.batch_size, self.drop_last = collate, batch_size, drop_last
        self.samples = iter(dataset)

    def __call__(self, _: Any) -> Any:
        if self.batch_size is None:
            sample = next(self.samples, _END)
            return Exhausted() if sample is _END else self.collate(sample)
        batch = list(itertools.islice(self.samples, self.batch_size))
        if not batch or (self.drop_last and len(batch) < self.batch_size):
            return Exhausted()
        return self.collate(batch)


def _check_workers(num_workers: Any, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if not isinstance(num_workers, int):
        raise ArgumentTypeError(f"num_workers must be an int, got {type(num_workers).__name__}")
    if num_workers < 0:
        raise ArgumentError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ArgumentError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ArgumentError("prefetch_factor option could only be specified in multiprocessing: let num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentError("prefetch_factor option should be positive")
    if persistent and num_workers == 0:
        raise ArgumentError("persistent_workers option needs num_workers > 0")


def _check_context(num_workers: int, context: Any) -> None:
    if context is None:
        return
    if num_workers == 0:
        raise ArgumentError("multiprocessing_context can only be used with multi-process loading: let num_workers > 0")
    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ArgumentError(f"multiprocessing_context should be one of {methods}, got {context!r}")
    if not isinstance(context, (str, multiprocessing.context.BaseContext)):
        raise ArgumentTypeError(f"multiprocessing_context should be a context or a name, got {type(context).__name__}")
