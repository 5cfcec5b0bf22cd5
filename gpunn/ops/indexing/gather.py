"""Elements named by their number along one dimension: gather, take_along_dim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.bounds import Check, check_index
from gpunn.ops.indexing.keys import element_keys, leading_blocks, wrapped
from gpunn.ops.indexing.put import take
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.expand import expand

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Gather(Function):
    """out[i, j, k] = x[i, index[i, j, k], k], for dim = 1."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, dim: int, check: Check | None = None) -> None:
        self.dim, self.check = dim, check

    def forward_numpy(self, x: Array, index: Array) -> Array:
        self.was, shape = x.shape, x.shape or (1,)
        if self.check is not None:
            self.check.run((index,), (shape[self.dim],))
            index = wrapped(index, shape[self.dim]) if self.check.negative else index
        x, out, was = x.reshape(shape), np.empty(index.shape or (1,), x.dtype), index.shape
        for block, size in leading_blocks(self.dim, index := index.reshape(out.shape), shape):
            seen = x if self.dim == 0 else x[block]
            seen.reshape(-1).take(element_keys(size, self.dim, index[block]), out=out[block], mode="clip")
        return out.reshape(was)

    def forward_cuda(self, x: Array, index: Array) -> Array:
        self.was = x.shape
        return rows_cuda.take_along(x, self.dim, index, self.check)

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        wraps = self.check is not None and self.check.negative
        return GatherBackward(self.dim, self.was, wraps)(grad, self.saved(1)), None


class GatherBackward(Function):
    """Zeros, with the input added where the index says."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, dim: int, shape: tuple[int, ...], wraps: bool = False) -> None:
        self.dim, self.shape, self.wraps = dim, shape, wraps

    def forward_numpy(self, part: Array, index: Array) -> Array:
        whole, shape = np.zeros(self.shape, part.dtype), self.shape or (1,)
        index = wrapped(index, shape[self.dim]) if self.wraps else index
        part, index, target = [v.reshape(v.shape or (1,)) for v in (part, index, whole)]
        for block, size in leading_blocks(self.dim, index, shape):
            written = target if self.dim == 0 else target[block]
            rows_numpy.write("sum", written, element_keys(size, self.dim, index[block]), 1, part[block])
        return whole

    def forward_cuda(self, part: Array, index: Array) -> Array:
        whole = array_module(part).zeros(self.shape, part.dtype)
        rows_cuda.put_along("sum", whole, self.dim, index, part)
        return whole

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        check = Check("gather", (self.dim,), negative=True) if self.wraps else None
        return Gather(self.dim, check)(grad, self.saved(1)), None


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i, j, k] = input[i, index[i, j, k], k] for dim = 1, and likewise for other dims.

    `index` is no larger than `input` but in `dim`; negative values are an error, as in PyTorch. `sparse_grad`
    has no effect: gradients are dense.
    """
    d = one_dim("gather", dim, array_of("gather", input).ndim)
    check_along("gather", input, d, index)
    result: Tensor = Gather(d, Check("gather", (d,)))(input, index)
    return result


def check_along(op: str, input: Any, d: int, index: Any, source: Any = None) -> None:
    """Raise unless `index` fits `input` (but in dimension `d`) and `source`."""
    if isinstance(index, Variable) and index.array.size == 0:
        return
    check_index(op, index, "int32 int64")
    shape, wanted = input.array.shape or (1,), index.array.shape or (1,)
    arrays = [("input", shape)] if source is None else [("input", shape), ("src", source.array.shape or (1,))]
    for name, other in arrays:
        if len(other) != len(wanted):
            raise ShapeError(
                f"{op}: Index tensor must have the same number of dimensions as {name} tensor, got index of shape "
                f"{index.array.shape} and {name} of shape {other}"
            )
        if any(n > m and (k != d or name == "src") for k, (n, m) in enumerate(zip(wanted, other, strict=True))):
            apart = f" apart from dimension {d}" if name == "input" else ""
            raise ShapeError(
                f"{op}: Expected index of shape {wanted} to be no larger than {name} of shape {other}{apart}"
            )


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements of `input` at `indices` along `dim`; the other dimensions broadcast.

    Negative indices count from the end. Without `dim` both are taken as one row.
    """
    if not isinstance(indices, Variable):
        raise ArgumentTypeError(f"take_along_dim: indices must be a Tensor, got {type(indices).__name__}")
    check_index("take_along_dim", indices)
    if dim is None:
        return take(input, indices.reshape(-1))
    if array_of("take_along_dim", input).ndim != indices.array.ndim:
        raise ShapeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.array.shape} and {indices.array.shape}"
        )
    d = one_dim("take_along_dim", dim, input.array.ndim)
    rest = _others("take_along_dim", input.array.shape, indices.array.shape, d)
    values = expand(input, (*rest[:d], input.array.shape[d], *rest[d + 1 :]))
    check = Check("take_along_dim", (d,), negative=True)
    return Gather(d, check)(values, expand(indices, (*rest[:d], indices.array.shape[d], *rest[d + 1 :])))


def _others(op: str, a: tuple[int, ...], b: tuple[int, ...], d: int) -> tuple[int, ...]:
    """The common shape of `a` and `b`, which may differ in dimension `d`."""
    try:
        return np.broadcast_shapes((*a[:d], 1, *a[d + 1 :]), (*b[:d], 1, *b[d + 1 :]))
    except ValueError:
        raise ShapeError(f"{op}: shapes {a} and {b} must match or be 1 in all dimensions but {d}") from None
