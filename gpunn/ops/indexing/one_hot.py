"""Class numbers as vectors of zeros and a one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn import backend, dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError
from gpunn.kernels import bounds
from gpunn.ops.indexing.rows_cuda import contiguous

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class OneHot(Function):
    """1 at each label and 0 elsewhere; -1 classes: as many as the labels need, for which a GPU makes the host wait."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def forward_numpy(self, labels: Array) -> Array:
        numbers = np.arange(_checked(labels, self.classes))
        return (labels[..., None] == numbers).astype(np.int64)

    def forward_cuda(self, labels: Array) -> Array:
        cupy, classes = array_module(labels), self.classes
        labels = contiguous(labels)
        if classes == -1:
            classes = _checked(labels, classes)
        y = cupy.empty((*labels.shape, classes), np.int64)
        args = (y, labels, labels.size, classes, *bounds.slot("one_hot", labels, labels.ndim, classes))
        kernels.launch("indexing/choose", "one_hot", y.size, args, {"T": "unsigned char"})
        return y


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class number and 0 elsewhere: int64 of shape (*input.shape, num_classes).

    `num_classes` -1 means the largest class number plus 1.
    Raises DtypeError unless `input` is int64, IndexRangeError for a number outside [0, num_classes); late on a GPU.
    """
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"one_hot: expected a Tensor, got {type(input).__name__}")
    if dtypes.of(input.array) is not dtypes.int64:
        raise DtypeError(
            f"one_hot: one_hot is only applicable to index tensor of type LongTensor, got {input.dtype}; use x.long()"
        )
    classes, labels = int(num_classes), input.array
    if labels.size == 0 and classes <= 0:
        raise ArgumentError(
            f"one_hot: Can not infer total number of classes from empty tensor of shape {labels.shape}; "
            "pass num_classes"
        )
    if classes == 0 or classes < -1:
        raise ArgumentError(f"one_hot: num_classes must be -1 or positive, got {classes}")
    result: Tensor = OneHot(classes)(input)
    return result


def _checked(labels: backend.Array, classes: int) -> int:
    """The number of classes, if all labels are in range."""
    if not labels.size:
        return classes
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise _outside("Class values must be non-negative", labels, low)
    if classes != -1 and high >= classes:
        raise _outside(f"Class values must be smaller than num_classes ({classes})", labels, high)
    return high + 1 if classes == -1 else classes


def _outside(rule: str, labels: backend.Array, value: int) -> IndexRangeError:
    place = np.argwhere(backend.asnumpy(labels) == value)[0].tolist()
    return IndexRangeError(f"one_hot: {rule}, got {value} at index {place} of a tensor of shape {labels.shape}")
