"""Elements replaced, or added to, by index: index_put, put, take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.bounds import Check, check_index
from gpunn.ops.indexing.getitem import MOST, Index, placed, together
from gpunn.ops.indexing.keys import broadcast_indices, result_shape, row_keys
from gpunn.ops.indexing.parse import parse_tensors
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.expand import sum_to_size
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class IndexPut(Function):
    """A copy of input 0 with input 1 put where the index tensors, one for each of `axes`, say.

    With `in_place` input 0 itself is changed; for use outside the graph only.
    """

    saves: ClassVar = {i: (0, 1) for i in range(2, MOST + 1)}

    def __init__(
        self, axes: tuple[int, ...], check: Check | None = None, accumulate: bool = False, in_place: bool = False
    ) -> None:
        self.axes, self.check, self.accumulate, self.in_place = axes, check, accumulate, in_place

    def forward_numpy(self, x: Array, values: Any, *indices: Array) -> Array:
        if self.check is not None:
            self.check.run(indices, [x.shape[axis] for axis in self.axes])
        self.was = getattr(values, "shape", ())
        out = x if self.in_place else x.copy(order="C")
        if self.accumulate:
            key, length = row_keys(x.shape, self.axes, indices)
            values = np.broadcast_to(np.asarray(values, x.dtype), (*key.shape, *x.shape[self.axes[-1] + 1 :]))
            rows_numpy.write("sum", out, key, length, values)
        else:
            out[placed(self.axes, indices)] = values  # the last one wins, as NumPy promises
        return out

    def forward_cuda(self, x: Array, values: Any, *indices: Array) -> Array:
        self.was = getattr(values, "shape", ())
        out = x if self.in_place else x.copy(order="C")
        rows_cuda.put("sum" if self.accumulate else "assign", out, self.axes, indices, values, self.check)
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        indices = [self.saved(i) for i in range(2, len(self.axes) + 2)]
        grad_x = grad_values = None
        if self.needs[0]:
            grad_x = grad if self.accumulate else IndexPut(self.axes)(grad, 0, *indices)
        if self.needs[1]:
            grad_values = sum_to_size(Index(self.axes)(grad, *indices), self.was)
        return grad_x, grad_values, *[None] * len(indices)


def index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with input[indices] = values, or += values with `accumulate`.

    The index tensors broadcast together, `values` to the shape of input[indices]; None stands for a full
    slice. Where an element is named twice, the last value stays, or all are added up.
    """
    if isinstance(indices, Variable) or not isinstance(indices, Sequence):
        raise ArgumentTypeError("index_put: indices must be a sequence of Tensors, one for each dimension")
    if not isinstance(values, Variable):
        raise ArgumentTypeError(f"index_put: values must be a Tensor, got {type(values).__name__}")
    if values.array.dtype != array_of("index_put", input).dtype:
        raise DtypeError(
            f"Index put requires the source and destination dtypes match, got {input.array.dtype} for the destination "
            f"and {values.array.dtype} for the source; use values.to(input.dtype)"
        )
    axes, tensors, check = together("index_put", parse_tensors(indices, input.array))
    if not axes:
        raise IndexRangeError("index_put: expected at least one index tensor")
    common = broadcast_indices([i.array for i in tensors])
    check_values("index_put", values, result_shape(input.array.shape, axes, common))
    return IndexPut(axes, check, accumulate)(input, values, *tensors)


def check_values(op: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """Raise ShapeError unless `values` broadcasts to `shape`, that of what is written to."""
    given = values.array.shape
    added = len(shape) - len(given)
    if added < 0 or any(n not in (1, m) for n, m in zip(given, shape[added:], strict=True)):
        raise ShapeError(
            f"{op}: shape mismatch: value tensor of shape {given} cannot be broadcast to indexing result of shape "
            f"{shape}"
        )


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` where element index[i], counted in one row, is source[i], or with `accumulate` += it."""
    check_index("put", index)
    if array_of("put", source, "source").dtype != array_of("put", input).dtype:
        raise DtypeError(
            f"put_(): self and source expected to have the same dtype, but got {input.array.dtype} and "
            f"{source.array.dtype}"
        )
    if source.array.size != index.array.size:
        raise IndexRangeError(
            "put_(): Expected source and index to have the same number of elements, but got source of shape "
            f"{source.array.shape} and index of shape {index.array.shape}"
        )
    n = input.array.size
    flat = View((n,))(input)
    changed = IndexPut((0,), Check("put", (0,), negative=True), accumulate)(
        flat, View(index.array.shape)(source), index
    )
    return View(input.array.shape)(changed)


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of `input`, counted in one row, that `index` names (negative: from the end), in its shape."""
    n = array_of("take", input).size
    check_index("take", index)
    return Index((0,), Check("take", (0,), negative=True))(View((n,))(input), index)
