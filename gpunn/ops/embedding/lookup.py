"""Rows of a table by their numbers, their gradient, and the rows kept short: embedding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, engine, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.bounds import Check, check_index
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Embedding(Function):
    """table[index]; negative numbers are out of range. In the gradient, `padding` counts for nothing (-1: no row)."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, padding: int, by_frequency: bool) -> None:
        self.padding, self.by_frequency = padding, by_frequency

    def forward_numpy(self, table: Array, index: Array) -> Array:
        self.was = table.shape
        Check("embedding", (0,)).run((index,), table.shape[:1])
        return table.take(index, axis=0)

    def forward_cuda(self, table: Array, index: Array) -> Array:
        self.was = table.shape
        return rows_cuda.take(table, (0,), (index,), Check("embedding", (0,)))

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        return EmbeddingBackward(self.was, self.padding, self.by_frequency)(grad, self.saved(1)), None


class EmbeddingBackward(Function):
    """Zeros, with the rows of the input added where the index says; but not for `padding`, and none for -1.

    `by_frequency` divides each row by how often the index names it.
    """

    saves: ClassVar = {1: (0,)}

    def __init__(self, shape: tuple[int, ...], padding: int, by_frequency: bool = False) -> None:
        self.shape, self.padding, self.by_frequency = shape, padding, by_frequency

    def forward_numpy(self, part: Array, index: Array) -> Array:
        whole = np.zeros(self.shape, np.float64 if self.by_frequency else part.dtype)
        key, length = index.reshape(-1), self.shape[1]
        counts = (key != self.padding) & (key >= 0)
        rows = part.reshape(len(key), length)
        if not counts.all():
            key, rows = key[counts], rows[counts]
        rows_numpy.write("sum", whole, key, length, rows)
        if self.by_frequency:
            whole /= np.maximum(np.bincount(key, minlength=len(whole)), 1)[:, None]
        return whole.astype(part.dtype, copy=False)

    def forward_cuda(self, part: Array, index: Array) -> Array:
        whole = array_module(part).zeros(self.shape, part.dtype)
        size, length = self.shape
        if index.size:
            keys = rows_cuda.row_keys((size,), (index,), None, self.padding, wraps=False)
            blocks = ((), index.shape, (length,))
            rows_cuda.put_rows("sum", whole, keys, size, blocks, part, is_mean=self.by_frequency)
        return whole

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        index = self.saved(1)
        left_out = (index == self.padding) | (index < 0)
        named = index.masked_fill(left_out, 0)
        found = Embedding(-1, False)(grad, named)
        if self.by_frequency:  # PyTorch leaves this out of the second derivative
            ones = grad.new_ones((*index.array.shape, 1), dtype=dtypes.float64)
            often = EmbeddingBackward((self.shape[0], 1), self.padding)(ones, index).clamp(min=1)
            found = (found / Embedding(-1, False)(often, named)).to(found.dtype)
        return found.masked_fill(left_out.unsqueeze(-1), 0), None


class Shortened(Function):
    """The rows of a table that an index names, made as long as `max_norm` where they are longer; in place."""

    def __init__(self, op: str, max_norm: float, power: float) -> None:
        self.op, self.max_norm, self.power = op, max_norm, power

    def forward_numpy(self, table: Array, index: Array) -> Array:
        Check(self.op, (0,)).run((index,), table.shape[:1])
        used = np.unique(index)
        rows = table[used].astype(np.float64)
        norm = np.linalg.norm(rows, self.power, axis=1).astype(table.dtype).astype(np.float64)  # rounded as in PyTorch
        factor = np.where(norm > self.max_norm, self.max_norm / (norm + 1e-7), 1).astype(table.dtype)
        table[used] = (rows * factor[:, None].astype(np.float64)).astype(table.dtype)
        return table

    def forward_cuda(self, table: Array, index: Array) -> Array:
        xp, (size, length) = array_module(table), table.shape
        if not (index.size and length):
            return table
        keys = rows_cuda.row_keys((size,), (index,), Check(self.op, (0,)))
        rows = rows_cuda.contiguous(table)
        owners = xp.zeros(size, np.uint64)
        kernels.launch("indexing/write", "note_owners", keys.size, (owners, keys, keys.size), {"T": "unsigned char"})
        args = (rows, owners, keys, keys.size, length, float(self.max_norm), float(self.power))
        kernels.launch("embedding", "shorten_rows", 256 * keys.size, args)
        if rows is not table:
            table[...] = rows
        return table


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (n, d) that the numbers `input` (*) name: (*, d).

    Row `padding_idx` (negative: from the end) gets no gradient. With `max_norm`, rows that are used and whose norm,
    of order `norm_type`, is larger are first scaled down to it, in place. `scale_grad_by_freq` divides the gradient of
    a row by how often it is used. `sparse` has no effect: gradients are dense.
    Raises IndexRangeError for a number outside [0, n); on a GPU that may come late.
    """
    check_table("embedding", input, weight)
    padding = padding_row("embedding", padding_idx, weight)
    if max_norm is not None:
        shorten("embedding", weight, input, max_norm, norm_type)
    result: Tensor = Embedding(-1 if padding is None else padding, scale_grad_by_freq)(weight, input)
    return result


def shorten(op: str, weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of `weight` that `index` names down to `max_norm`, in place and outside of the graph."""
    check_floating(op, weight)
    power = float(norm_type)
    if not power > 0:
        raise ShapeError(f"{op}: norm_type must be positive, got {norm_type}")
    with engine.no_grad():
        Shortened(op, float(max_norm), math.inf if math.isinf(power) else power)(weight, index)
    engine.bump(weight)


def check_table(op: str, input: Any, weight: Any) -> None:
    """Raise unless `input` holds row numbers and `weight` is a matrix."""
    for name, given in (("input", input), ("weight", weight)):
        if not isinstance(given, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(given).__name__}")
    if input.array.dtype.name not in ("int64", "int32"):
        raise DtypeError(
            f"{op}: Expected tensor for argument 'indices' to have one of the following scalar types: int64, int32; "
            f"but got {input.array.dtype}; use input.long()"
        )
    if weight.array.ndim != 2:
        raise ShapeError(f"{op}: 'weight' must be 2-D, one row for each number, got shape {weight.array.shape}")
    check_index(op, input, "int32 int64")


def check_floating(op: str, weight: Tensor) -> None:
    """Raise unless `weight` is of a floating type."""
    if not dtypes.of(weight.array).is_floating_point:
        raise DtypeError(f"{op}: expected a weight of a floating type, got {weight.dtype}; use weight.float()")


def padding_row(op: str, padding_idx: int | None, weight: Tensor) -> int | None:
    """`padding_idx` counted from the front."""
    size = weight.array.shape[0]
    if padding_idx is None:
        return None
    padding_idx = one_int(op, "padding_idx", padding_idx)
    if not -size <= padding_idx < size:
        raise IndexRangeError(
            f"{op}: padding_idx must be within the number of embeddings, -{size} through {size - 1}, got {padding_idx}"
        )
    return padding_idx % size
