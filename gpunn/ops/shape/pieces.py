"""Pieces put together and taken apart again: Cat and Split undo each other, and so do Stack and Unbind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from gpunn import capture
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, contiguous_format, layout
from gpunn.ops.shape.permutation import inverse
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def joined(parts: Sequence[Array], axis: int) -> Array:
    """`parts` one after the other along `axis`.

    While a graph is recorded each is copied to its place: of more than eight CuPy sends a table of addresses first,
    which it refuses then.
    """
    xp, first = array_module(parts[0]), parts[0]
    if capture.current() is None or not all([a.dtype == first.dtype for a in parts]):
        return xp.concatenate(parts, axis=axis)
    lengths = [a.shape[axis] for a in parts]
    whole = xp.empty((*first.shape[:axis], sum(lengths), *first.shape[axis + 1 :]), first.dtype)
    for a, (start, stop) in zip(parts, pairwise(accumulate(lengths, initial=0)), strict=True):
        whole[(*[slice(None)] * axis, slice(start, stop))] = a
    return whole


class Cat(Function):
    """The inputs one after the other along `dim`. Those of shape (0,) add nothing, whatever the rank."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: Array) -> Array:
        self.shapes = [a.shape for a in arrays]
        rank = max([a.ndim for a in arrays])
        parts = [a for a in arrays if a.ndim == rank]
        if all([layout(a) is contiguous_format for a in parts]):
            return joined(parts, self.dim)
        order = CHANNELS_LAST_ORDER[rank]
        turned = joined([a.transpose(order) for a in parts], order.index(self.dim))
        return turned.transpose(inverse(order))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        rank = grad.array.ndim
        sizes = [shape[self.dim] if len(shape) == rank else 0 for shape in self.shapes]
        parts = Split(sizes, self.dim)(grad)
        return tuple(
            [
                None if not needed else part if len(shape) == rank else View((0,))(part)
                for part, shape, needed in zip(parts, self.shapes, self.needs, strict=True)
            ]
        )


class Split(Function):
    """Consecutive pieces of lengths `sizes` along `dim`, as views."""

    is_view = True

    def __init__(self, sizes: Sequence[int], dim: int) -> None:
        self.sizes, self.dim = sizes, dim

    def forward(self, x: Array) -> tuple[Array, ...]:
        before = (slice(None),) * self.dim
        ends = accumulate(self.sizes, initial=0)
        return tuple([x[(*before, slice(start, stop))] for start, stop in pairwise(ends)])

    def backward(self, *grads: Tensor) -> Tensor:
        return Cat(self.dim)(*grads)


class Stack(Function):
    """The inputs, all of one shape, along a new dimension `dim`."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: Array) -> Array:
        return joined([array_module(a).expand_dims(a, self.dim) for a in arrays], self.dim)

    def backward(self, grad: Tensor) -> tuple[Tensor, ...]:
        return Unbind(self.dim)(grad)


class Unbind(Function):
    """All slices of thickness one along `dim`, without that dimension, as views."""

    is_view = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> tuple[Array, ...]:
        before = (slice(None),) * self.dim
        return tuple([x[(*before, i, ...)] for i in range(x.shape[self.dim])])

    def backward(self, *grads: Tensor) -> Tensor:
        return Stack(self.dim)(*grads)
