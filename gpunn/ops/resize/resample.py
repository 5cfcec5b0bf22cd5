"""Resample: weighted sums along axes, one after the other; with a kernel, all at once."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.pool.windows import as_stack, from_stack, threads_for
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.resize.taps import Axis, Taps, taps_of

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

KEPT = Axis(1, 1, "nearest")


class Resample(Function):
    """The last axes of `x` (N, C, *size) resized, or (`is_transposed`) the gradient of that. uint8 is rounded."""

    def __init__(self, axes: tuple[Axis, ...], is_transposed: bool = False) -> None:
        self.axes, self.is_transposed = axes, is_transposed

    def forward_numpy(self, x: Array) -> Array:
        rank, dtype, is_bytes = len(self.axes), _weight_type(x), x.dtype == np.uint8
        stack = as_stack(x, rank)
        found = stack.astype(np.float32) if is_bytes else widened(stack)
        for number, axis in reversed(list(enumerate(self.axes))):
            if not axis.is_kept:
                found = along(number + 1, found, taps_of(axis, dtype, self.is_transposed))
                found = np.floor(found + np.float32(0.5)).clip(0, 255) if is_bytes else found
        found = found.copy() if found is stack else found.astype(x.dtype, copy=False)
        return from_stack(found, (*x.shape[:-rank], *found.shape[1:-1]))

    def forward_cuda(self, x: Array) -> Array:
        rank, stack = len(self.axes), as_stack(x, len(self.axes))
        places = (_weight_type(x), self.is_transposed, array_module(x), backend.device_of(x))
        taps = [_on_device(axis, *places) for axis in self.axes]
        if x.dtype != np.uint8:
            stack = resampled(stack, taps)
        else:  # rounded after each axis, as in PyTorch
            for number, (axis, its) in reversed(list(enumerate(zip(self.axes, taps, strict=True)))):
                if not axis.is_kept:
                    before, after = stack.shape[: number + 1], stack.shape[number + 2 :]
                    thin = stack.reshape(math.prod(before), axis.size, math.prod(after))
                    stack = resampled(thin, [its]).reshape(*before, its.out, *after)
        return from_stack(stack, (*x.shape[:-rank], *stack.shape[1:-1]))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = Resample(self.axes, not self.is_transposed)(grad)
        return result


def resampled(stack: Array, taps: list[Taps]) -> Array:
    """The stack (planes, *size, channels) with its one to three axes resized."""
    xp, rank = array_module(stack), len(taps)
    kept = _on_device(KEPT, str(taps[0].weights.dtype), False, xp, backend.device_of(stack))
    all_taps = [*[kept] * (3 - rank), *taps]
    y = xp.empty((len(stack), *[t.out for t in taps], stack.shape[-1]), stack.dtype)
    tables = [array for t in all_taps for array in (t.first, t.count, t.weights)]
    sizes = [number for t in all_taps for number in (t.size, t.out, t.width)]
    args = (y, stack, *tables, len(stack), stack.shape[-1], *sizes)
    kernels.launch("resize/resample", "resample", threads_for(y), args)
    return y


def _weight_type(x: Array) -> str:
    """What `taps_of` shall compute in for `x`."""
    return str(x.dtype) if x.dtype in (np.float64, np.uint8) else "float32"


@functools.lru_cache(maxsize=256)
def _on_device(axis: Axis, dtype: str, is_transposed: bool, xp: Any, where: backend.device) -> Taps:
    """The taps with their arrays on a GPU, which stay there for the next calls, on any stream."""
    taps = taps_of(Axis(axis.size, axis.size, "nearest") if axis.is_kept else axis, dtype, is_transposed)
    with backend.placed_on(where):
        first, count, weights = (xp.asarray(array) for array in (taps.first, taps.count, taps.weights))
        xp.cuda.get_current_stream().synchronize()
    return Taps(first, count, weights, taps.size)


def along(at: int, values: Array, taps: Taps) -> Array:
    """The sums along axis `at`."""
    xp, shape = array_module(values), (-1, *[1] * (values.ndim - at - 1))
    found = None
    for t in range(taps.width):
        index = (taps.first + t).clip(0, taps.size - 1)
        product = values.take(xp.asarray(index), at)
        product *= xp.asarray(taps.weights[:, t]).reshape(shape)
        if (missing := taps.count <= t).any():
            product[(*[slice(None)] * at, missing)] = 0
        found = product if found is None else np.add(found, product, out=found)
    return found
