"""Sums, means and maxima over bags of rows of a table: embedding_bag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from gpunn.kernels import bounds
from gpunn.ops.embedding.lookup import EmbeddingBackward, check_floating, check_table, padding_row, shorten
from gpunn.ops.indexing import rows_numpy
from gpunn.ops.indexing.bounds import Check
from gpunn.ops.indexing.gather import GatherBackward
from gpunn.ops.indexing.getitem import Index

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

MODES: Final = ("sum", "mean", "max")
OP: Final = "embedding_bag"


class EmbeddingBag(Function):
    """For each bag the sum, mean or maximum of its rows, each times its weight (None: 1).

    Bag b is index[offsets[b] : offsets[b + 1]]; the last one goes up to the end if there is no further offset.
    """

    saves: ClassVar = {0: (3,), 1: (0, 3), 2: (0, 3), 3: (0,)}

    def __init__(self, mode: str, bags: int, padding: int, by_frequency: bool) -> None:
        self.mode, self.bags, self.padding, self.by_frequency = mode, bags, padding, by_frequency

    def forward_numpy(self, table: Array, index: Array, offsets: Array, weights: Array | None) -> Array:
        self.was = table.shape
        Check(OP, (0,)).run((index,), table.shape[:1])
        Check(OP, (0,)).run((offsets,), (len(index) + 1,))
        if offsets.size and offsets[0] != 0:
            raise ArgumentError(
                f"{OP}: offsets[0] has to be 0, i.e., the first bag starts at position 0. However, got {offsets[0]}"
            )
        inside, bag_of = positions(index, offsets, self.bags, self.padding)
        key, bag = index[inside], bag_of[inside]
        rows: Array = table[key].astype(np.float64)
        if weights is not None:
            rows *= weights[inside, None]
        used, best = np.bincount(bag, minlength=self.bags), np.zeros((self.bags, table.shape[1]), np.int64)
        y: Array = np.zeros(best.shape)
        if self.mode == "max":
            y[used > 0] = -np.inf
            rows_numpy.write("amax", y, bag, y.shape[1], rows)
            j, column = (i[::-1] for i in np.nonzero((rows == y[bag]) | np.isnan(rows)))
            best[bag[j], column] = key[j]  # of several the first one stays
        else:
            rows_numpy.write("sum", y, bag, y.shape[1], rows)
        if self.mode == "mean":
            y /= np.maximum(used, 1)[:, None]
        self.kept = used, best
        return y.astype(table.dtype)

    def forward_cuda(self, table: Array, index: Array, offsets: Array, weights: Array | None) -> Array:
        xp, (size, length), bags = array_module(table), table.shape, self.bags
        self.was = table.shape
        y, best = xp.empty((bags, length), table.dtype), xp.zeros((bags, length), np.int64)
        used = xp.zeros(bags, np.int64)
        faults, slot = bounds.slot(OP, index, 0, size)
        offset_slot = bounds.slot(OP, offsets, 0, len(index) + 1)[1]
        arrays = [xp.ascontiguousarray(a) for a in (table, index, offsets, table if weights is None else weights)]
        sizes = (bags, index.size, offsets.size, size, length, self.padding)
        args = (y, used, best, *arrays, *sizes, MODES.index(self.mode), weights is not None, faults, slot, offset_slot)
        kernels.launch("embedding", "bag_forward", y.size, args)
        self.kept = used, best
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        used, best = (Variable.result_type(a) for a in self.kept)
        if self.mode == "max":
            empty = (used == 0).unsqueeze(1)
            return GatherBackward(0, self.was)(grad.masked_fill(empty, 0), best), None, None, None
        weights = self.saved(3) if self.needs[0] else None
        index, offsets = self.saved(1), self.saved(2)
        is_mean = self.mode == "mean"
        found = BagPositions(self.bags, self.was[0], self.padding, is_mean, grad.array.dtype)(index, offsets, used)
        keys, bag_of, share = found
        rows, grad_table, grad_weights = Index((0,))(grad, bag_of), None, None
        if self.needs[0]:
            part = rows * share.unsqueeze(1) if is_mean else rows
            part = part if weights is None else part * weights.unsqueeze(1)
            grad_table = EmbeddingBackward(self.was, -1, self.by_frequency)(part, keys)
        if self.needs[3]:
            left_out = keys < 0
            own = Index((0,))(self.saved(0), keys.masked_fill(left_out, 0))
            grad_weights = (rows * own).sum(1).masked_fill(left_out, 0)
        return grad_table, None, None, grad_weights


class BagPositions(Function):
    """For each position of the index: its row (-1 if it counts for nothing), its bag, and 1 or 1 / rows of the bag."""

    def __init__(self, bags: int, size: int, padding: int, is_mean: bool, dtype: Any) -> None:
        self.bags, self.size, self.padding, self.is_mean, self.dtype = bags, size, padding, is_mean, dtype

    def forward_numpy(self, index: Array, offsets: Array, used: Array) -> tuple[Array, ...]:
        inside, bag_of = positions(index, offsets, self.bags, self.padding)
        bag_of = np.where(inside, bag_of, 0)
        share = np.zeros(len(index)) if len(used) == 0 else 1 / np.maximum(used, 1)[bag_of]
        share = np.where(inside, share if self.is_mean else 1, 0).astype(self.dtype)
        return np.where(inside, index, -1).astype(np.int64), bag_of, share

    def forward_cuda(self, index: Array, offsets: Array, used: Array) -> tuple[Array, ...]:
        xp, n = array_module(index), index.size
        keys, bag_of, share = (xp.empty(n, dtype) for dtype in (np.int64, np.int64, self.dtype))
        arrays = [xp.ascontiguousarray(a) for a in (index, offsets, used)]
        args = (keys, bag_of, share, *arrays, self.bags, n, offsets.size, self.size, self.padding, self.is_mean)
        kernels.launch("embedding", "bag_positions", n, args)
        return keys, bag_of, share


def positions(index: Array, offsets: Array, bags: int, padding: int) -> tuple[Array, Array]:
    """Which positions of `index` count for something, and the bag of each, in NumPy."""
    places = np.arange(len(index))
    ends = np.append(offsets[1 : bags + 1], [len(index)] * (bags + 1 - len(offsets)))
    bag_of = np.searchsorted(offsets[:bags], places, side="right") - 1
    if bags == 0:
        return np.zeros(len(index), bool), np.zeros(len(index), np.int64)
    return (bag_of >= 0) & (places < ends[bag_of]) & (index != padding), bag_of


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of bags of rows of `weight` (n, d): (bags, d). An empty bag gives zeros.

    Each row of `input` (bags, k) is a bag of row numbers; or `input` is one row, and `offsets` (bags,) tell where in
    it each bag begins, from 0 upwards. With `include_last_offset` one more of them tells where the last bag ends.
    `per_sample_weights`, like `input`, multiply the rows of a sum. Row `padding_idx` counts for nothing. `max_norm`,
    `norm_type`, `scale_grad_by_freq` and `sparse` are as in `embedding`.
    """
    check_table(OP, input, weight)
    check_floating(OP, weight)
    _check_mode(mode, per_sample_weights is not None, scale_grad_by_freq, sparse)
    padding = padding_row(OP, padding_idx, weight)
    samples = per_sample_weights
    if isinstance(samples, Variable):
        if samples.array.shape != input.array.shape:
            raise ShapeError(
                f"{OP}: If per_sample_weights ({samples.array.shape}) is not None, then it must have the same shape as "
                f"the input ({input.array.shape})"
            )
        if samples.array.dtype != weight.array.dtype:
            raise DtypeError(f"{OP}: expected per_sample_weights of {weight.dtype}, as the weight, got {samples.dtype}")
        samples = samples.reshape(-1)
    index, starts = _one_row(input, offsets)
    bags = starts.array.size - (1 if include_last_offset and input.array.ndim == 1 else 0)
    if bags < 0:
        raise ShapeError(f"{OP}: include_last_offset: number of offsets should be at least 1")
    if max_norm is not None:
        shorten(OP, weight, index, max_norm, norm_type)
    node = EmbeddingBag(mode, bags, -1 if padding is None else padding, scale_grad_by_freq)
    result: Tensor = node(weight, index, starts, samples)
    return result


def _check_mode(mode: str, has_weights: bool, scale_grad_by_freq: bool, sparse: bool) -> None:
    if mode not in MODES:
        raise ArgumentError(f"{OP}: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError(f"{OP}: max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ArgumentError(f"{OP}: max mode does not support sparse weights")
    if has_weights and mode != "sum":
        raise UnsupportedError(f"{OP}: per_sample_weights is only supported for mode='sum' (got mode={mode!r})")


def _one_row(input: Tensor, offsets: Any) -> tuple[Tensor, Tensor]:
    """All indices in one row, and where each bag begins."""
    shape = input.array.shape
    if len(shape) == 2:
        if offsets is not None:
            raise ArgumentError(
                f"{OP}: if input is 2D, then offsets has to be None, as each row of the input is a bag. However, found "
                f"offsets of type {type(offsets).__name__}"
            )
        starts = array_module(input.array).arange(shape[0], dtype=input.array.dtype) * shape[1]
        return input.reshape(-1), Variable.result_type(starts)
    if len(shape) != 1:
        raise ShapeError(f"{OP}: input has to be 1D or 2D Tensor, but got Tensor of dimension {len(shape)}")
    if not isinstance(offsets, Variable) or offsets.array.ndim != 1:
        got = "None" if offsets is None else f"shape {getattr(offsets, 'shape', type(offsets).__name__)}"
        raise ArgumentError(f"{OP}: offsets has to be a 1D Tensor but got {got}")
    begins: Any = offsets
    if begins.array.dtype.name not in ("int64", "int32"):
        raise DtypeError(f"{OP}: offsets must be int64 or int32, got {begins.dtype}")
    return input, begins.to(input.dtype)
