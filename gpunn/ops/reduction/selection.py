"""Selection: operations whose values are elements of the input, each of them at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import UnsupportedError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Selection(Function):
    """Elements along one dimension and their indices. Subclasses say which: `choose`.

    With `keepdim` the result has the rank of the input; without, the dimension, of length 1 by then, is
    dropped.
    """

    takes_none = True  # the indices have no gradient

    def __init__(self, axis: int, keepdim: bool = True) -> None:
        self.axis, self.keepdim = axis, keepdim

    def choose(self, x: Array) -> Array:
        """The int64 indices along `axis` of the elements to select; `x` has at least one dimension."""
        raise UnsupportedError(f"{self.op_name} has no forward")

    def forward(self, x: Array) -> tuple[Array, Array]:
        self.shape = x.shape
        row = x.reshape(x.shape or (1,))
        index = self.choose(row)
        if self.needs[0]:
            self.kept = index.astype(np.int32 if row.shape[self.axis] < 2**31 else np.int64)
        return self._shaped(array_module(x).take_along_axis(row, index, self.axis)), self._shaped(index)

    def _shaped(self, selected: Array) -> Array:
        if not self.shape:
            return selected.reshape(())
        return selected if self.keepdim else selected.squeeze(self.axis)

    def backward(self, grad: Tensor, _: Any) -> Tensor:
        return Place(self.axis, self.shape)(grad, self.kept)


class Place(Function):
    """Zeros of `shape`, with the values at `index` along `axis`: the gradient of a selection."""

    def __init__(self, axis: int, shape: tuple[int, ...]) -> None:
        self.axis, self.shape = axis, shape

    def forward(self, values: Array, index: Array) -> Array:
        self.was, self.kept = values.shape, index
        xp = array_module(values)
        result = xp.zeros(self.shape or (1,), values.dtype)
        xp.put_along_axis(result, index, values.reshape(index.shape), self.axis)
        return result.reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Pick(self.axis, self.was)(grad, self.kept)


class Pick(Function):
    """The elements at `index` along `axis`, in `shape`: the gradient of `Place`."""

    def __init__(self, axis: int, shape: tuple[int, ...]) -> None:
        self.axis, self.shape = axis, shape

    def forward(self, x: Array, index: Array) -> Array:
        self.was, self.kept = x.shape, index
        row = x.reshape(x.shape or (1,))
        return array_module(x).take_along_axis(row, index, self.axis).reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Place(self.axis, self.was)(grad, self.kept)
