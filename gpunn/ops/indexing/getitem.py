"""x[...] to read: a view for integers, slices, None and Ellipsis, a copy for index tensors and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.bounds import Check
from gpunn.ops.indexing.keys import broadcast_indices, row_keys
from gpunn.ops.indexing.parse import Advanced, expanded, parse
from gpunn.ops.shape.slicing import Select, Slice

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

MOST = 64  # dimensions that an array can have, and so index tensors in one expression


class Mask(Function):
    """The elements where a mask, which starts at dimension `axis`, is True."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, mask: Array) -> Array:
        self.was = x.shape
        return x[(*(slice(None),) * self.axis, mask)]

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        return MaskBackward(self.axis, self.was)(grad, self.saved(1)), None


class MaskBackward(Function):
    """Zeros, with the input where the mask is True."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, axis: int, shape: tuple[int, ...]) -> None:
        self.axis, self.shape = axis, shape

    def forward(self, part: Array, mask: Array) -> Array:
        whole = array_module(part).zeros(self.shape, part.dtype)
        whole[(*(slice(None),) * self.axis, mask)] = part
        return whole

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        return Mask(self.axis)(grad, self.saved(1)), None


class Index(Function):
    """The elements that index tensors, one for each of `axes`, name."""

    saves: ClassVar = {i: (0,) for i in range(1, MOST)}

    def __init__(self, axes: tuple[int, ...], check: Check | None = None) -> None:
        self.axes, self.check = axes, check

    def forward_numpy(self, x: Array, *indices: Array) -> Array:
        self.was = x.shape
        if self.check is not None:
            self.check.run(indices, [x.shape[axis] for axis in self.axes])
        if len(indices) == 1 and x.flags.c_contiguous:  # `take` would copy other layouts first
            return x.take(indices[0], axis=self.axes[0])
        return x[placed(self.axes, indices)]

    def forward_cuda(self, x: Array, *indices: Array) -> Array:
        self.was = x.shape
        return rows_cuda.take(x, self.axes, indices, self.check)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        indices = [self.saved(i) for i in range(1, len(self.axes) + 1)]
        return IndexBackward(self.axes, self.was)(grad, *indices), *[None] * len(indices)


class IndexBackward(Function):
    """Zeros, with the input added where the indices say."""

    saves: ClassVar = {i: (0,) for i in range(1, MOST)}

    def __init__(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.axes, self.shape = axes, shape

    def forward_numpy(self, part: Array, *indices: Array) -> Array:
        whole = np.zeros(self.shape, part.dtype)
        key, length = row_keys(self.shape, self.axes, indices)
        rows_numpy.write("sum", whole, key, length, part)
        return whole

    def forward_cuda(self, part: Array, *indices: Array) -> Array:
        whole = array_module(part).zeros(self.shape, part.dtype)
        rows_cuda.put("sum", whole, self.axes, indices, part)
        return whole

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        indices = [self.saved(i) for i in range(1, len(self.axes) + 1)]
        return Index(self.axes)(grad, *indices), *[None] * len(indices)


def viewed(x: Tensor, basic: tuple[Any, ...]) -> Tensor:
    """The view x[basic] for integers, slices and Nones."""
    kind = Select if int in map(type, basic) else Slice
    return kind((*basic, ...))(x)


def placed(axes: tuple[int, ...], indices: Sequence[Array]) -> tuple[Any, ...]:
    """The full index with `indices` at `axes` and everything along the others."""
    full: list[Any] = [slice(None)] * (axes[-1] + 1)
    for axis, index in zip(axes, indices, strict=True):
        full[axis] = index
    return tuple(full)


def together(op: str, advanced: list[Advanced]) -> tuple[tuple[int, ...], list[Tensor], Check]:
    """Axes and index tensors of `advanced`, expanded, which broadcast; and the check that they are in range."""
    integers = expanded(advanced)
    indices = [index for _, _, index in integers]
    broadcast_indices([index.array for index in indices])
    check = Check(op, tuple([dim for _, dim, _ in integers]), negative=True)
    return tuple([axis for axis, _, _ in integers]), indices, check


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index]: a view for integers, slices, None and Ellipsis, else a copy.

    Index tensors broadcast together, and their dimensions stand in the place of the indexed ones; in front,
    if those are apart. A mask stands for the positions of its True elements. Gradients add up where an
    element is named twice. Errors: IndexError for what is out of range, ValueError for a negative step.
    """
    parsed = parse(index, input.array)
    advanced = parsed.advanced
    view = input if advanced and parsed.is_whole else viewed(input, parsed.basic)
    if not advanced:
        return view
    if len(advanced) == 1 and advanced[0].index.array.dtype.kind == "b":
        return Mask(advanced[0].axis)(view, advanced[0].index)
    axes, indices, check = together("index", advanced)
    return Index(axes, check)(view, *indices)
