"""Datasets side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpunn.errors import ArgumentError
from gpunn.utils.data.dataset import Dataset


class StackDataset(Dataset[Any]):
    """Samples (d[i] for each of the datasets), or a dict of them for datasets given by name; all have one length."""

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Dataset[Any], **kwargs: Dataset[Any]) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError(
                "StackDataset: Supported either tuple- (via args) or dict- (via kwargs) like input/output, but "
                + ("both types are given." if args else "no dataset is given.")
            )
        several: list[Any] = [*args, *kwargs.values()]
        self._length = len(several[0])
        if any(len(part) != self._length for part in several):
            raise ArgumentError(f"StackDataset: Size mismatch between datasets: {[len(part) for part in several]}")
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: part[index] for name, part in self.datasets.items()}
        return tuple(part[index] for part in self.datasets)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The samples `indices`, each dataset asked once if it has `__getitems__`."""
        parts = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        samples = list(zip(*[_items(part, indices) for part in parts], strict=True))
        if isinstance(self.datasets, dict):
            return [dict(zip(self.datasets, sample, strict=True)) for sample in samples]
        return samples

    def __len__(self) -> int:
        return self._length


def _items(dataset: Any, indices: Sequence[int]) -> Sequence[Any]:
    many = getattr(dataset, "__getitems__", None)
    found: Sequence[Any] = [dataset[i] for i in indices] if many is None else many(indices)
    if len(found) != len(indices):
        raise ArgumentError(
            f"StackDataset: Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}"
        )
    return found
