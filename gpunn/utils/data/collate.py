"""Collating: from a list of samples to a batch."""

from __future__ import annotations

import collections.abc
import copy
from typing import Any, Final

import numpy as np

from gpunn import dtypes, ops
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.tensor import Tensor

TEXT: Final = "SUaO"  # the kinds of NumPy's types that hold texts and objects, no numbers


def default_collate(batch: Any) -> Any:
    """Samples as one batch: tensors and arrays are stacked along a new first dimension, numbers become a tensor,
    tuples, lists and mappings are collated entry by entry, strings stay in the list or tuple they came in."""
    first = batch[0]
    if isinstance(first, Tensor):
        return ops.stack(list(batch), 0)
    if isinstance(first, np.ndarray) and first.dtype.kind not in TEXT:
        if any(np.shape(sample) != first.shape for sample in batch):
            raise ShapeError(
                f"default_collate: expected arrays of one size, got {[np.shape(sample) for sample in batch]}"
            )
        return ops.as_tensor(np.stack(batch))
    if isinstance(first, np.generic) and first.dtype.kind not in TEXT:
        return ops.as_tensor(np.asarray(batch))
    if isinstance(first, (bool, int, float)):
        return ops.tensor(batch, dtype=dtypes.float64 if isinstance(first, float) else None)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        return _like_mapping(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, collections.abc.Sequence):
        return _collate_columns(first, batch)
    raise ArgumentTypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {first.dtype if isinstance(first, np.ndarray) else type(first).__name__}; pass a collate_fn"
    )


def _collate_columns(first: Any, batch: Any) -> Any:
    """Samples that are sequences, column by column: a list, or a named tuple if they are."""
    if any(len(sample) != len(first) for sample in batch):
        raise ShapeError("default_collate: each element in list of batch should be of equal size")
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    return type(first)(*columns) if hasattr(first, "_fields") else columns


def default_convert(data: Any) -> Any:
    """One sample with its NumPy arrays as tensors, but for those of texts and objects; everything else as it is."""
    if isinstance(data, (np.ndarray, np.generic)):
        if data.dtype.kind in TEXT:
            return data
        return ops.as_tensor(np.asarray(data))
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, collections.abc.Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, collections.abc.Sequence):
        return [default_convert(value) for value in data]
    return data


def _like_mapping(like: Any, values: dict[Any, Any]) -> Any:
    """`values` in a copy of `like`, or in a new one if it cannot change, or a dict if its type allows neither."""
    try:
        if not isinstance(like, collections.abc.MutableMapping):
            return type(like)(values)
        clone: Any = copy.copy(like)
        clone.update(values)
        return clone
    except TypeError:
        return values
