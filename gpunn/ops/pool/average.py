"""Average pooling: sums along one axis after the other, divided by the sizes of the windows."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.pool.windows import (
    Sizes,
    Windows,
    as_stack,
    blocks,
    from_stack,
    has_warps,
    padded,
    threads_for,
    windows_over,
)
from gpunn.ops.reduction.accumulate import accumulated, line_dots, total, widened
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

LINE = 1024  # elements that BLAS may add up in float32
CHAIN = 16  # a sum of at most so many elements may be added one after the other


class AvgPool(Function):
    """The sums of the windows, divided by `divisor`, or by their sizes, of which padding is part if `with_padding`."""

    def __init__(self, windows: Windows, divisor: int | None, with_padding: bool) -> None:
        self.windows, self.divisor, self.with_padding = windows, divisor, with_padding

    def forward_numpy(self, x: Array) -> Array:
        windows, rank = self.windows, len(self.windows.size)
        xp, stack = array_module(x), as_stack(x, rank)
        divisor = xp.asarray(_divisor(windows, self.divisor, self.with_padding))
        out = xp.empty((len(stack), *windows.out, stack.shape[-1]), x.dtype)
        for block in blocks(stack):
            sums = padded(widened(stack[block]), windows, 0)
            if _is_whole(windows) and sums.dtype.kind == "f":
                sums = _whole_sums(sums)
            else:
                for axis in reversed(range(rank)):
                    sums = _sums_along(axis, sums, windows)
            if x.dtype.kind == "i":  # rounded towards 0, as in PyTorch
                out[block] = abs(sums) // abs(divisor) * xp.sign(sums) * xp.sign(divisor)
            else:
                out[block] = sums / divisor.astype(sums.dtype)
        self.shape = x.shape
        return from_stack(out, (*x.shape[:-rank], *windows.out))

    def forward_cuda(self, x: Array) -> Array:
        if x.dtype.kind == "i":  # rare: no kernel
            return self.forward_numpy(x)
        windows, stack = self.windows, as_stack(x, len(self.windows.size))
        out = array_module(x).empty((len(stack), *windows.out, stack.shape[-1]), x.dtype)
        threads = threads_for(out) * (32 if has_warps(stack, windows) else 1)
        args = (out, stack, *windows.geometry(stack), self.divisor or 0, self.with_padding)
        kernels.launch("pool/average", "avg_pool_forward", threads, args)
        self.shape = x.shape
        return from_stack(out, (*x.shape[: -len(windows.size)], *windows.out))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = AvgPoolBackward(self.windows, self.divisor, self.with_padding, self.shape)(grad)
        return result


class AvgPoolBackward(Function):
    """Each window's gradient, divided as in the forward, in all places that it sees, added up where they overlap."""

    def __init__(self, windows: Windows, divisor: int | None, with_padding: bool, shape: tuple[int, ...]) -> None:
        self.windows, self.divisor, self.with_padding, self.shape = windows, divisor, with_padding, shape

    def forward_numpy(self, grad: Array) -> Array:
        windows, rank = self.windows, len(self.windows.size)
        xp, stack = array_module(grad), as_stack(grad, rank)
        divisor = xp.asarray(_divisor(windows, self.divisor, self.with_padding))
        create = xp.empty if _is_whole(windows) else xp.zeros
        dx = create((len(stack), *windows.size, stack.shape[-1]), grad.dtype)
        for block in blocks(dx):
            spread = widened(stack[block])
            spread = spread / divisor.astype(spread.dtype)
            if _is_whole(windows):
                dx[block] = spread
                continue
            for axis in range(rank):
                spread = _spread_along(axis, spread, windows)
            ends = [slice(p, p + n) for p, n in zip(windows.padding, windows.size, strict=True)]
            inside = spread[:, *ends]
            dx[block][:, *[slice(0, n) for n in inside.shape[1:-1]]] = inside
        return from_stack(dx, self.shape)

    def forward_cuda(self, grad: Array) -> Array:
        windows, stack = self.windows, as_stack(grad, len(self.windows.size))
        dx = array_module(grad).empty((len(stack), *windows.size, stack.shape[-1]), grad.dtype)
        args = (dx, stack, *windows.geometry(stack), self.divisor or 0, self.with_padding)
        kernels.launch("pool/average", "avg_pool_backward", threads_for(dx), args)
        return from_stack(dx, self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = AvgPool(self.windows, self.divisor, self.with_padding)(grad)
        return result


def _is_whole(windows: Windows) -> bool:
    """Whether there is one window, that sees everything once."""
    return set(windows.out) == {1} and windows.kernel == windows.size and not windows.is_padded


def _whole_sums(values: Array) -> Array:
    """The sums over all axes of a stack but the first and the last; by BLAS if they are one run of memory."""
    length = math.prod(values.shape[1:-1])
    if values.shape[-1] > 1:
        return accumulated(values, tuple(range(1, values.ndim - 1)), keepdims=True)
    lines = values.reshape(len(values), length)
    sums = lines @ np.ones(length, lines.dtype) if length <= LINE else line_dots(lines)
    return sums.reshape(len(values), *[1] * (values.ndim - 1))


def _sums_along(axis: int, values: Array, windows: Windows) -> Array:
    """The sums of the windows along one axis of a stack."""
    if windows.kernel[axis] > CHAIN:
        return _long_sums(axis, values, windows)
    sums = windows.seen(values, axis, 0)
    for tap in range(1, windows.kernel[axis]):
        seen = windows.seen(values, axis, tap)
        if windows.stride[axis] == 0:
            seen = _masked(seen, axis, tap < windows.lengths(axis))
        sums = sums + seen
    return sums


def _masked(values: Array, axis: int, keep: np.ndarray[Any, Any]) -> Array:
    """`values` of a stack, with zeros in the windows along an axis that are not to `keep`."""
    xp = array_module(values)
    shape = (-1, *[1] * (values.ndim - axis - 2))
    return xp.where(xp.asarray(keep).reshape(shape), values, values.dtype.type(0))


def _long_sums(axis: int, values: Array, windows: Windows) -> Array:
    """The same for a long kernel."""
    xp, at = array_module(values), axis + 1
    if windows.stride[axis] == 0:
        ends = zip(windows.starts(axis), windows.lengths(axis), strict=True)
        before = [slice(None)] * at
        sums = [total(values[*before, slice(a, a + n)], (at,), True, dtype=values.dtype) for a, n in ends]
        return xp.concatenate(sums, at)
    shape, strides = list(values.shape), list(values.strides)
    shape[at : at + 1] = windows.out[axis], windows.kernel[axis]
    strides[at : at + 1] = strides[at] * windows.stride[axis], strides[at]
    seen = xp.lib.stride_tricks.as_strided(values, shape, strides)
    return total(seen, (at + 1,), dtype=values.dtype)


def _spread_along(axis: int, values: Array, windows: Windows) -> Array:
    """Each value at all places along one axis that its window sees: the transpose of `_sums_along`."""
    xp, before, shape = array_module(values), [slice(None)] * (axis + 1), list(values.shape)
    shape[axis + 1] = windows.end(axis)
    places = xp.zeros(shape, values.dtype)
    if windows.stride[axis] == 0:
        first, last = windows.seeing(axis)
        for number in range(max(last - first, default=0)):
            seen = values.take(xp.asarray(np.minimum(first + number, last - 1)), axis + 1)
            places += _masked(seen, axis, first + number < last)
        return places
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
    if not windows.is_padded and min(windows.stride) > 0:
        return np.asarray(math.prod(windows.kernel))
    count: np.ndarray[Any, Any] = np.ones((), np.int64)
    for axis, (n, p) in enumerate(zip(windows.size, windows.padding, strict=True)):
        start = windows.starts(axis)
        stop = np.minimum(start + windows.lengths(axis), n + p)
        if not with_padding:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        count = count[..., None] * (stop - start)
    return count[..., None]


def _averaged(op: str, input: Tensor, windows: Windows, divisor: int | None, with_padding: bool) -> Tensor:
    dtype = dtypes.of(input.array)
    if not dtype.is_floating_point and dtype is not dtypes.int64:
        raise DtypeError(f"{op}: not for {dtype}; use input.to(gpunn.float32)")
    if divisor is not None:
        divisor = one_int(op, "divisor_override", divisor)
        if divisor == 0:
            raise ArgumentError(f"{op}: divisor must be not zero, got divisor_override=0")
    result: Tensor = AvgPool(windows, divisor, bool(with_padding))(input)
    return result


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of signals (N, C, L) or (C, L): (N, C, P). Arguments as in `avg_pool2d`."""
    windows = windows_over("avg_pool1d", input, 1, kernel_size, stride, padding, 1, ceil_mode)
    return _averaged("avg_pool1d", input, windows, None, count_include_pad)


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
    return _averaged("avg_pool2d", input, windows, divisor_override, count_include_pad)


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of volumes (N, C, D, H, W) or (C, D, H, W). Arguments as in `avg_pool2d`."""
    windows = windows_over("avg_pool3d", input, 3, kernel_size, stride, padding, 1, ceil_mode)
    return _averaged("avg_pool3d", input, windows, divisor_override, count_include_pad)
