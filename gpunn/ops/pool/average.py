"""Average pooling: sums along one axis after the other, divided by the sizes of the windows."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.pool.windows import Sizes, Windows, as_stack, blocks, from_stack, padded, windows_over
from gpunn.ops.reduction.accumulate import total, widened
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

CHAIN = 16  # a sum of at most so many elements may be added one after the other


class AvgPool(Function):
    """The sums of the windows, divided by `divisor`, or by their sizes, of which padding is part if `with_padding`."""

    def __init__(self, windows: Windows, divisor: int | None, with_padding: bool) -> None:
        self.windows, self.divisor, self.with_padding = windows, divisor, with_padding

    def forward(self, x: Array) -> Array:
        windows, rank = self.windows, len(self.windows.size)
        xp, stack = array_module(x), as_stack(x, rank)
        divisor = xp.asarray(_divisor(windows, self.divisor, self.with_padding))
        out = xp.empty((len(stack), *windows.out, stack.shape[-1]), x.dtype)
        for block in blocks(stack):
            sums = padded(widened(stack[block]), windows, 0)
            for axis in reversed(range(rank)):
                sums = _sums_along(axis, sums, windows)
            if x.dtype.kind == "i":  # rounded towards 0, as in PyTorch
                out[block] = abs(sums) // abs(divisor) * xp.sign(sums) * xp.sign(divisor)
            else:
                out[block] = sums / divisor.astype(sums.dtype)
        self.shape = x.shape
        return from_stack(out, (*x.shape[:-rank], *windows.out))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = AvgPoolBackward(self.windows, self.divisor, self.with_padding, self.shape)(grad)
        return result


class AvgPoolBackward(Function):
    """Each window's gradient, divided as in the forward, in all places that it sees, added up where they overlap."""

    def __init__(self, windows: Windows, divisor: int | None, with_padding: bool, shape: tuple[int, ...]) -> None:
        self.windows, self.divisor, self.with_padding, self.shape = windows, divisor, with_padding, shape

    def forward(self, grad: Array) -> Array:
        windows, rank = self.windows, len(self.windows.size)
        xp, stack = array_module(grad), as_stack(grad, rank)
        divisor = xp.asarray(_divisor(windows, self.divisor, self.with_padding))
        dx = xp.zeros((len(stack), *windows.size, stack.shape[-1]), grad.dtype)
        for block in blocks(dx):
            spread = widened(stack[block])
            spread = spread / divisor.astype(spread.dtype)
            for axis in range(rank):
                spread = _spread_along(axis, spread, windows)
            ends = [slice(p, p + n) for p, n in zip(windows.padding, windows.size, strict=True)]
            inside = spread[:, *ends]
            dx[block][:, *[slice(0, n) for n in inside.shape[1:-1]]] = inside
        return from_stack(dx, self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = AvgPool(self.windows, self.divisor, self.with_padding)(grad)
        return result


def _sums_along(axis: int, values: Array, windows: Windows) -> Array:
    """The sums of the windows along one axis of a stack."""
    before = [slice(None)] * (axis + 1)
    if windows.kernel[axis] > CHAIN:
        return _long_sums(axis, values, windows)
    sums = values[*before, windows.seen_at(axis, 0)]
    for tap in range(1, windows.kernel[axis]):
        sums = sums + values[*before, windows.seen_at(axis, tap)]
    return sums


def _long_sums(axis: int, values: Array, windows: Windows) -> Array:
    """The same for a long kernel."""
    xp, at = array_module(values), axis + 1
    shape, strides = list(values.shape), list(values.strides)
    shape[at : at + 1] = windows.out[axis], windows.kernel[axis]
    strides[at : at + 1] = strides[at] * windows.stride[axis], strides[at]
    seen = xp.lib.stride_tricks.as_strided(values, shape, strides)
    return total(seen, (at + 1,), dtype=values.dtype)


def _spread_along(axis: int, values: Array, windows: Windows) -> Array:
    """Each value at all places along one axis that its window sees: the transpose of `_sums_along`."""
    before, shape = [slice(None)] * (axis + 1), list(values.shape)
    shape[axis + 1] = windows.end(axis)
    places = array_module(values).zeros(shape, values.dtype)
    for tap in range(windows.kernel[axis]):
        if windows.overlap:
            places[*before, windows.seen_at(axis, tap)] += values
        else:
            places[*before, windows.seen_at(axis, tap)] = values
    return places


@functools.lru_cache(maxsize=64)
def _divisor(windows: Windows, divisor: int | None, with_padding: bool) -> np.ndarray[Any, Any]:
    """What the sums are divided by: one number, or one for each window."""
    if divisor is not None:
        return np.asarray(divisor)
    if not windows.is_padded:
        return np.asarray(math.prod(windows.kernel))
    count: np.ndarray[Any, Any] = np.ones((), np.int64)
    for k, s, p, n, out in zip(windows.kernel, windows.stride, windows.padding, windows.size, windows.out, strict=True):
        start = np.arange(out) * s - p
        stop = np.minimum(start + k, n + p)
        if not with_padding:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        count = count[..., None] * (stop - start)
    return count[..., None]


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of images (N, C, H, W) or (C, H, W): (N, C, P, Q).

    The window of output (p, q) starts at (p, q) · stride - padding and has kernel_size elements a side;
    P = (H + 2 padding - kernel_size) / stride + 1, rounded down, or up with `ceil_mode` if the last window still
    starts inside. `stride` is kernel_size unless given. Padding counts as 0; it counts as elements only with
    `count_include_pad`. With `divisor_override` the sums are divided by that.
    """
    windows = windows_over("avg_pool2d", input, 2, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None and one_int("avg_pool2d", "divisor_override", divisor_override) == 0:
        raise ArgumentError("avg_pool2d: divisor must be not zero, got divisor_override=0")
    dtype = dtypes.of(input.array)
    if not dtype.is_floating_point and dtype is not dtypes.int64:
        raise DtypeError(f"avg_pool2d: not for {dtype}; use input.to(gpunn.float32)")
    result: Tensor = AvgPool(windows, divisor_override, bool(count_include_pad))(input)
    return result
