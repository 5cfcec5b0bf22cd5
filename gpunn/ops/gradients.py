"""Many gradients at once: their norm, limits, the scale of mixed precision. In place, outside the graph.

On a GPU each is one launch for all gradients of a dtype, and the norm one more; the host does not wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from gpunn import backend, dtypes, engine, kernels
from gpunn.backend import Array, array_module, cache_pieces
from gpunn.engine import Variable
from gpunn.engine.function import device_mismatch
from gpunn.kernels import many
from gpunn.kernels.source import C_TYPES
from gpunn.ops.reduction.accumulate import line_dots

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

_FILE: Final = "optimizer/gradients"
SQUARES, MAGNITUDES, LARGEST, POWERS = range(4)  # as in gradients.cu
SMALLEST: Final = 1e-30  # a sum of squares in float32 may have lost digits, or all, below
EPSILON: Final = 1e-6  # added to the norm, as in PyTorch


class Batch(NamedTuple):
    """Dense arrays of one dtype on one GPU, ready for a launch."""

    arrays: list[Array]
    plan: many.Plan
    table: Array

    def launch(self, kernel: str, before: tuple[Any, ...], *after: Any, at_least: int = 0) -> None:
        """Launch with the arguments before, the table, those after."""
        constants = {"T": C_TYPES[self.arrays[0].dtype.name]}
        args = (*before, self.table, *after)
        kernels.launch(_FILE, kernel, max(self.plan.threads, at_least), args, constants)


def total_norm(gradients: Sequence[Tensor], p: float) -> Tensor:
    """The `p`-norm of all elements of `gradients` as one vector, a 0-d tensor of their common dtype. p > 0."""
    return norm_of([g.array for g in gradients], p)


def norm_of(arrays: Sequence[Array], p: float) -> Tensor:
    """`total_norm` of arrays."""
    batches = _batches(arrays)
    if batches is None:
        return _as_total(_norm(arrays, p), arrays)
    empty = [batch._replace(plan=batch.plan._replace(number=0, blocks=0)) for batch in batches]
    return _scaled_by_kernels(empty, _partials(batches, p), p, math.inf)


def clip_norm(gradients: Sequence[Tensor], limit: float, p: float) -> Tensor:
    """Scale all of `gradients` by min(1, limit / (norm + 1e-6)); the norm before is returned, as by `total_norm`."""
    arrays = _changeable(gradients, "clip_grad_norm_")
    batches = _batches(arrays)
    if batches is None:
        norm = _norm(arrays, p)
        _scale(arrays, norm, limit)
        total = _as_total(norm, arrays)
    else:
        total = _scaled_by_kernels(batches, _partials(batches, p), p, limit)
    _changed(gradients)
    return total


def scale_to_norm(gradients: Sequence[Tensor], total: Tensor, limit: float) -> None:
    """Scale all of `gradients` by min(1, limit / (total + 1e-6))."""
    arrays = _changeable(gradients, "clip_grads_with_norm_")
    batches = _batches(arrays)
    norm = total.array.reshape(1).astype(np.float64)
    if batches is None:
        _scale(arrays, norm, limit)
    else:
        _scaled_by_kernels(batches, backend.to_device(norm, backend.device_of(arrays[0])), 1.0, limit)
    _changed(gradients)


def clip_value(gradients: Sequence[Tensor], limit: float) -> None:
    """Bring all elements of `gradients` into [-limit, limit]; NaN stays."""
    arrays = _changeable(gradients, "clip_grad_value_")
    batches = _batches(arrays)
    if batches is None:
        for array in arrays:
            array_module(array).clip(array, -limit, limit, out=array)
    else:
        for batch in batches:
            batch.launch("clip_by_value", (), batch.plan.sizes, batch.plan.pieces, batch.plan.number, limit)
    _changed(gradients)


def unscale_(gradients: Sequence[Tensor], found_inf: Tensor, inverse_scale: Tensor) -> None:
    """gradients *= inverse_scale; found_inf becomes 1 if an element is not finite, and else stays as it is.

    What PyTorch calls _amp_foreach_non_finite_check_and_unscale_. `found_inf` and `inverse_scale` are float32 tensors
    of one element on the device of the gradients.
    """
    arrays = _changeable(gradients, "unscale_")
    found, factor = found_inf.array, inverse_scale.array
    for array in (*arrays, factor):
        if backend.device_of(array) != backend.device_of(found):
            raise device_mismatch("unscale_", found, array)
    batches = _batches(arrays)
    if batches is None:
        _unscale(arrays, found, factor)
    else:
        for batch in batches:
            plan = batch.plan
            batch.launch("unscale", (found,), factor, plan.sizes, plan.pieces, plan.number)
    _changed([*gradients, found_inf])


def update_scale_(
    scale: Tensor, tracker: Tensor, found_inf: Tensor, growth: float, backoff: float, interval: int
) -> None:
    """scale *= backoff if `found_inf` is not 0; else scale *= growth after each `interval` such calls in a row.

    What PyTorch calls _amp_update_scale_. `tracker` counts the calls without infinities. The scale never becomes
    infinite. Tensors of one element on one device: float32, int32, float32. The host does not wait.
    """
    arrays = scale.array, tracker.array, found_inf.array
    for array in arrays:
        if backend.device_of(array) != backend.device_of(scale.array):
            raise device_mismatch("update_scale_", scale.array, array)
    if backend.any_cuda(list(arrays)):
        kernels.launch("optimizer/scale", "update_scale", 1, (*arrays, growth, backoff, interval))
    else:
        _update_scale(*arrays, growth, backoff, interval)
    _changed([scale, tracker])


def _changeable(gradients: Sequence[Tensor], op: str) -> list[Array]:
    for g in gradients:
        engine.check_in_place(g, op)
    return [g.array for g in gradients]


def _changed(tensors: Iterable[Tensor]) -> None:
    for t in tensors:
        engine.bump(t)


def _batches(arrays: Sequence[Array]) -> list[Batch] | None:
    """`arrays` by dtype, for kernels; None if they are not all dense and on one GPU."""
    if not backend.any_cuda(list(arrays)):
        return None
    if len({backend.device_of(a) for a in arrays}) > 1 or not all([many.is_dense(a) for a in arrays]):
        return None
    by_dtype: dict[Any, list[Array]] = {}
    for array in arrays:
        by_dtype.setdefault(array.dtype, []).append(array)
    return [Batch(same, many.plan(same), many.table(many.addresses(same), same[0])) for same in by_dtype.values()]


def _kind(p: float) -> int:
    return {1.0: MAGNITUDES, 2.0: SQUARES, math.inf: LARGEST}.get(p, POWERS)


def _partials(batches: Sequence[Batch], p: float) -> Array:
    """What the blocks of all launches have found of the norm."""
    first = batches[0].arrays[0]
    counts = [batch.plan.blocks for batch in batches]
    with backend.placed_on(backend.device_of(first)):
        partials = array_module(first).empty(sum(counts), np.float64)
    start = 0
    for batch, count in zip(batches, counts, strict=True):
        part, plan = partials[start : start + count], batch.plan
        batch.launch("norm_partials", (part,), plan.sizes, plan.pieces, plan.number, count, _kind(p), p)
        start += count
    return partials


def _scaled_by_kernels(batches: Sequence[Batch], partials: Array, p: float, limit: float) -> Tensor:
    """The norm, in the common dtype, after scaling the gradients."""
    totals: dict[dtypes.dtype, Array] = {}
    for batch in batches:
        first, plan = batch.arrays[0], batch.plan
        with backend.placed_on(backend.device_of(first)):
            total = totals[dtypes.of(first)] = array_module(first).empty((), first.dtype)
        after = (partials, plan.sizes, plan.pieces, plan.number, partials.size, _kind(p), p, limit)
        batch.launch("clip_by_norm", (total,), *after, at_least=many.BLOCK)
    common = reduce(dtypes.promote_types, totals)
    total = totals[common] if common in totals else next(iter(totals.values())).astype(common.numpy)
    return Variable.result_type(total)


@np.errstate(all="ignore")
def _norm(arrays: Sequence[Array], p: float) -> Array:
    """The reference: the norm of all elements in float64, as an array of one element where the first array is."""
    here = backend.device_of(arrays[0])
    total: Any = 0.0
    for array in arrays:
        xp = array_module(array)
        for (piece,) in cache_pieces(array):
            part = backend.to_device(xp.asarray(_power_sum(xp, piece, p)).reshape(1), here)
            total = array_module(part).maximum(total, part) if p == math.inf else total + part
    total = total if p in (1, math.inf) else total ** (1 / p)
    return total if backend.is_array(total) else array_module(arrays[0]).zeros(1)


def _power_sum(xp: Any, x: Array, p: float) -> Any:
    """Σ |x|^p, or the largest |x|, in float64. Squares of float32 by BLAS, unless they leave its range."""
    if p == 2 and x.dtype == np.float32 and not backend.is_cuda(x):
        line = x.reshape(-1)
        found = line_dots(line, line)
        if SMALLEST <= found < math.inf:
            return found
    wide = xp.abs(x.astype(np.float64)).reshape(-1)
    if p == math.inf:
        return wide.max(initial=0.0)
    return (wide if p == 1 else wide * wide if p == 2 else wide**p).sum()


def _as_total(norm: Array, arrays: Sequence[Array]) -> Tensor:
    common = reduce(dtypes.promote_types, [dtypes.of(a) for a in arrays])
    with np.errstate(all="ignore"):
        return Variable.result_type(norm.astype(common.numpy).reshape(()))


@np.errstate(all="ignore")
def _scale(arrays: Sequence[Array], norm: Array, limit: float) -> None:
    factor = array_module(norm).minimum(limit / (norm + EPSILON), 1.0)
    for array in arrays:
        _multiply(array, backend.to_device(factor, backend.device_of(array)))


def _multiply(array: Array, factor: Array) -> None:
    """array *= factor (1,), rounded once: half types are computed in float32."""
    if array.dtype.itemsize == 2:
        array[...] = array.astype(np.float32) * factor.astype(np.float32)
    else:
        array *= factor.astype(array.dtype).reshape(())


@np.errstate(all="ignore")
def _unscale(arrays: Sequence[Array], found: Array, factor: Array) -> None:
    for array in arrays:
        xp = array_module(array)
        is_bad = ~xp.isfinite(array).all()
        found[...] = xp.where(is_bad, xp.float32(1), found)
        _multiply(array, factor.reshape(1))


@np.errstate(over="ignore")
def _update_scale(scale: Array, tracker: Array, found: Array, growth: float, backoff: float, interval: int) -> None:
    now, count = float(scale.item()), int(tracker.item()) + 1
    is_grown = count == interval and not found.item()
    wanted = np.float32(now * backoff if found.item() else now * growth if is_grown else now)
    tracker[...] = 0 if found.item() or is_grown else count
    scale[...] = wanted if np.isfinite(wanted) or not is_grown else scale
