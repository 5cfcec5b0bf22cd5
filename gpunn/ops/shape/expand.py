"""Broadcasting as an operation: views that repeat size-1 dimensions, and the sums that undo them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.errors import ShapeError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Expand(Function):
    is_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        return backend.array_module(x).broadcast_to(x, self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return sum_to_size(grad, self.was)


class SumToSize(Function):
    """Sums over the dimensions that broadcasting added or stretched."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        added = x.ndim - len(self.shape)
        stretched = [d + added for d, n in enumerate(self.shape) if n == 1 and x.shape[d + added] != 1]
        axes = (*range(added), *stretched)
        if x.dtype.itemsize == 2 and x.dtype.kind in "fV":  # half types: add up in float32, round once
            return x.sum(axis=axes, dtype=np.float32).astype(x.dtype).reshape(self.shape)
        return x.sum(axis=axes, dtype=x.dtype).reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Expand(self.was)(grad)


def sum_to_size(x: Tensor, *size: Any) -> Tensor:
    """`x` summed over dimensions until it has shape `size`, to which it must be expandable."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if x.array.shape == shape:
        return x
    was = x.array.shape
    added = len(was) - len(shape)
    if added < 0 or any(n not in (1, m) for n, m in zip(shape, was[added:], strict=True)):
        raise ShapeError(f"sum_to_size: size {shape} is not expandable to {was}, the shape of the tensor")
    return SumToSize(shape)(x)


def expand(input: Tensor, *size: Any) -> Tensor:
    """A view of `input` with size-1 dimensions repeated to `size`; -1 keeps a dimension, new ones come in front."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    was = input.array.shape
    added = len(shape) - len(was)
    wanted = tuple(was[d - added] if n == -1 and d >= added else n for d, n in enumerate(shape))
    fits = added >= 0 and all(n >= 0 for n in wanted)
    if not fits or any(m not in (1, n) for m, n in zip(was, wanted[added:], strict=True)):
        raise ShapeError(
            f"expand: The expanded size {shape} must keep the existing sizes {was} except where they are 1; "
            "new dimensions go in front and cannot be -1"
        )
    return Expand(wanted)(input)
