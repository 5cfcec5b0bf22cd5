"""How sequences of several lengths lie in memory, and in which order a layer goes through them.

The rows of all steps stand one step after the other, (rows, features). Step t has a row for each sequence that is
longer than t; sequences are sorted by length, the longest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module


class Step(NamedTuple):
    """One step: its rows, those of the step done before it, and how many the step done after it has."""

    start: int
    rows: int
    start_before: int
    rows_before: int  # 0 for the first
    rows_after: int  # 0 for the last

    def of(self, array: Array) -> Array:
        """The rows of this step in `array`."""
        return array[self.start : self.start + self.rows]

    def before(self, array: Array, first: Array) -> Array:
        """The state before this step: its rows in `array`, of sequences that begin here in `first`."""
        common = min(self.rows, self.rows_before)
        done = array[self.start_before : self.start_before + common]
        if common == self.rows:
            return done
        new = first[common : self.rows]
        return new if common == 0 else array_module(array).concatenate([done, new])


@dataclass(frozen=True)
class Steps:
    """The steps of a batch: how many rows each has, not growing, and whether the last comes first."""

    sizes: tuple[int, ...]
    is_reverse: bool

    @property
    def rows(self) -> int:
        """Of all steps."""
        return sum(self.sizes)

    @property
    def batch(self) -> int:
        """The number of sequences."""
        return self.sizes[0] if self.sizes else 0

    def __iter__(self) -> Iterator[Step]:
        return iter(_steps(self.sizes, self.is_reverse))

    def backwards(self) -> list[Step]:
        """The steps, that which was done last first."""
        return list(reversed(_steps(self.sizes, self.is_reverse)))

    def all_before(self, array: Array, first: Array) -> Array:
        """The state before each step, as `Step.before` gives it, for all rows."""
        xp, batch = array_module(array), self.batch
        if self.sizes[-1] == batch:
            return xp.concatenate([array[batch:], first] if self.is_reverse else [first, array[:-batch]])
        return xp.concatenate([array, first])[_rows_before(xp, backend.device_of(array), self.sizes, self.is_reverse)]

    def last(self, array: Array) -> Array:
        """The state of each sequence after its last step."""
        if self.is_reverse:
            return array[: self.batch]
        if self.sizes[-1] == self.batch:
            return array[len(array) - self.batch :]
        return array[_last_rows(array_module(array), backend.device_of(array), self.sizes)]


@lru_cache(maxsize=256)
def _steps(sizes: tuple[int, ...], is_reverse: bool) -> list[Step]:
    starts = [0, *np.cumsum(sizes).tolist()]
    order = range(len(sizes))[:: -1 if is_reverse else 1]
    found = []
    for k, t in enumerate(order):
        before, after = order[k - 1] if k else None, order[k + 1] if k + 1 < len(order) else None
        found.append(
            Step(
                starts[t],
                sizes[t],
                0 if before is None else starts[before],
                0 if before is None else sizes[before],
                0 if after is None else sizes[after],
            )
        )
    return found


@lru_cache(maxsize=64)
def _rows_before(xp: Any, device: backend.device, sizes: tuple[int, ...], is_reverse: bool) -> Array:
    """For each row of all steps, where the state before it stands: among the rows, or after them, by sequence."""
    rows = sum(sizes)
    where = np.empty(rows, np.int64)
    for step in _steps(sizes, is_reverse):
        sequence = np.arange(step.rows)
        done = sequence < step.rows_before
        where[step.start : step.start + step.rows] = np.where(done, step.start_before + sequence, rows + sequence)
    return _on(device, where)


@lru_cache(maxsize=64)
def _last_rows(xp: Any, device: backend.device, sizes: tuple[int, ...]) -> Array:
    """For each sequence the row of its last step. `xp` is part of the key: the module that the arrays are of."""
    lengths = (np.array(sizes)[:, None] > np.arange(sizes[0])).sum(axis=0)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return _on(device, starts[lengths - 1] + np.arange(sizes[0]))


def _on(device: backend.device, index: np.ndarray[Any, Any]) -> Array:
    """`index` on `device`, ready for any stream."""
    with backend.placed_on(device):
        array = backend.to_device(index, device)
        if backend.is_cuda(array):
            array_module(array).cuda.get_current_stream().synchronize()
    return array
