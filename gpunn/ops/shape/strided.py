"""as_strided: any part of a tensor's memory as a view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ShapeError, UnsupportedError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import ints, one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Sizes = tuple[int, ...]


class Strided(Function):
    """The view whose element (i, j, …) lies `offset` + i s + j t + … elements after the first one of the input.

    `given` are the strides of the input. A gradient that comes in its place, through a change of the view, may lie in
    another order and is copied into this one.
    """

    is_view = True

    def __init__(self, shape: Sizes, strides: Sizes, offset: int, given: Sizes) -> None:
        self.shape, self.strides, self.offset, self.given = shape, strides, offset, given

    def forward(self, x: Array) -> Array:
        self.was, xp = x.shape, array_module(x)
        if 0 in self.shape or x.size == 0:
            return xp.empty(self.shape, x.dtype)  # no element: there is no memory to share
        bytes_apart = tuple([s * x.itemsize for s in self.given])
        if any(s != t and n > 1 for s, t, n in zip(x.strides, bytes_apart, x.shape, strict=True)):
            x = self._laid_out(x, bytes_apart)
        strides = tuple([s * x.itemsize for s in self.strides])
        return backend.strided_view(x, self.shape, strides, self.offset * x.itemsize)

    def _laid_out(self, x: Array, strides: Sizes) -> Array:
        """A copy of `x` with these strides."""
        if not self._has_own_places():
            raise UnsupportedError(
                f"as_strided: a change of this view cannot be recorded: its tensor, of shape {x.shape} and strides "
                f"{self.given}, has gaps or several elements in one place; take contiguous() first"
            )
        copy = backend.strided_view(array_module(x).empty(x.size, x.dtype), x.shape, strides)
        copy[...] = x
        return copy

    def _has_own_places(self) -> bool:
        """Whether the elements of the input lie side by side, in whatever order."""
        apart = 1
        for s, n in sorted((s, n) for s, n in zip(self.given, self.was, strict=True) if n > 1):
            if s != apart:
                return False
            apart *= n
        return True

    def backward(self, grad: Tensor) -> Tensor:
        """Each element of the input gets the sum of what came for its place; places between the elements get lost.

        Several elements in one place share the sum evenly, as in PyTorch.
        """
        shape, count = self.was, math.prod(self.was)
        number = np.full(max(self.offset + _reach(self.shape, self.strides), _reach(shape, self.given)), count)
        elements = np.lib.stride_tricks.as_strided(number, shape, [s * 8 for s in self.given])
        elements[...] = np.arange(count).reshape(shape)
        owners = elements.reshape(-1)  # of each element the last one in its place
        shown = np.lib.stride_tricks.as_strided(number[self.offset :], self.shape, [s * 8 for s in self.strides])
        xp = array_module(grad.array)
        places: Tensor = Variable.result_type(xp.asarray(np.ascontiguousarray(shown).reshape(-1)))
        total: Any = Variable.result_type(xp.zeros(count + 1, grad.array.dtype))
        result: Tensor = total.index_add(0, places, grad.reshape(-1))[:count]
        if not np.array_equal(owners, np.arange(count)):
            shares = (1 / np.bincount(owners)[owners]).astype(grad.array.dtype)
            result = result[Variable.result_type(xp.asarray(owners))] * Variable.result_type(xp.asarray(shares))
        return result.reshape(shape)


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """The view of the memory of `input` with shape `size`, neighbours along dimension d lying stride[d] elements apart.

    It begins `storage_offset` elements after the beginning of the memory, or where `input` does. Views whose elements
    lie in one place must not be written to. Raises ShapeError if it reached beyond the memory.
    """
    op = "as_strided"
    x, shape, strides = array_of(op, input), ints(op, "size", size), ints(op, "stride", stride)
    if len(shape) != len(strides):
        raise ShapeError(f"{op}: mismatch in length of strides and shape: {list(strides)} and {list(shape)}")
    if min((*shape, *strides), default=0) < 0:
        raise ShapeError(f"{op}: Negative sizes and strides are not supported, got {list(shape)} and {list(strides)}")
    here = backend.offset_in_memory(x) // x.itemsize
    start = here if storage_offset is None else one_int(op, "storage_offset", storage_offset)
    if start < 0:
        raise ShapeError(f"{op}: Tensor: invalid storage offset {start}")
    end, memory = (start + _reach(shape, strides)) * x.itemsize, backend.memory_size(x)
    if 0 not in shape and end > memory:
        raise ShapeError(
            f"{op}: sizes {list(shape)}, strides {list(strides)}, storage offset {start}, and itemsize {x.itemsize} "
            f"requiring a storage size of {end} are out of bounds for storage of size {memory}"
        )
    if start < here:
        root: Any = input.root()
        if root is None or backend.offset_in_memory(root.array) // x.itemsize > start:
            raise UnsupportedError(
                f"{op}: storage offset {start} lies before the first element, {here}, of what the tensor is a view of"
            )
        input, here = root, backend.offset_in_memory(root.array) // x.itemsize
    given = tuple([s // x.itemsize for s in input.array.strides])
    result: Tensor = Strided(shape, strides, start - here, given)(input)
    return result


def _reach(shape: Sizes, strides: Sizes) -> int:
    """How many elements there are from the first to the last one, both included."""
    return 1 + sum(s * (n - 1) for s, n in zip(strides, shape, strict=True)) if 0 not in shape else 0
