"""Class numbers as vectors of zeros and a one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class number and 0 elsewhere: int64 of shape (*tensor.shape, num_classes).

    `num_classes` -1 means the largest class number plus 1.
    Raises DtypeError unless `tensor` is int64, IndexRangeError for a number outside [0, num_classes).
    """
    if not isinstance(tensor, Variable):
        raise ArgumentTypeError(f"one_hot: expected a Tensor, got {type(tensor).__name__}")
    if dtypes.of(tensor.array) is not dtypes.int64:
        raise DtypeError(
            f"one_hot: one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}; use x.long()"
        )
    classes, labels = int(num_classes), tensor.array
    if labels.size == 0 and classes <= 0:
        raise ArgumentError(
            f"one_hot: Can not infer total number of classes from empty tensor of shape {labels.shape}; "
            "pass num_classes"
        )
    if classes == 0 or classes < -1:
        raise ArgumentError(f"one_hot: num_classes must be -1 or positive, got {classes}")
    if labels.size:
        low, high = int(labels.min()), int(labels.max())
        if low < 0:
            raise _outside("Class values must be non-negative", labels, low)
        if classes != -1 and high >= classes:
            raise _outside(f"Class values must be smaller than num_classes ({classes})", labels, high)
        classes = high + 1 if classes == -1 else classes
    numbers = array_module(labels).arange(classes)
    return Variable.result_type((labels[..., None] == numbers).astype(np.int64))


def _outside(rule: str, labels: backend.Array, value: int) -> IndexRangeError:
    place = np.argwhere(backend.asnumpy(labels) == value)[0].tolist()
    return IndexRangeError(f"one_hot: {rule}, got {value} at index {place} of a tensor of shape {labels.shape}")
