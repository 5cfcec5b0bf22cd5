"""Max pooling.

The largest element of a window is found one axis after the other, the last axis first: kernel sizes add up then, they
do not multiply. The winner of each window is kept as its number in the window, row by row, in the smallest type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import DtypeError
from gpunn.ops.pool.windows import (
    Positions,
    Sizes,
    Windows,
    as_stack,
    as_stack_like,
    blocks,
    from_stack,
    padded,
    threads_for,
    windows_over,
)
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


FILE = "pool/maximum"  # of the kernels


class MaxPool(Function):
    """The largest elements, and with `indices` their positions in the flattened input."""

    def __init__(self, windows: Windows, indices: bool) -> None:
        self.windows, self.indices = windows, indices

    def forward_numpy(self, x: Array) -> Any:
        windows, stack, largest, winners = self._prepared(x)
        for block in blocks(stack):
            values, found = _largest(widened(stack[block]), windows, winners is not None)
            largest[block] = values
            if winners is not None:
                winners[block] = found
        return self._result(x, largest, winners, _positions)

    def forward_cuda(self, x: Array) -> Any:
        if x.dtype.kind in "iu":  # rare: no kernel
            return self.forward_numpy(x)
        windows, stack, largest, winners = self._prepared(x)
        threads, geometry = threads_for(largest), windows.geometry(stack)
        if winners is None:
            kernels.launch(FILE, "max_pool_values", threads, (largest, stack, *geometry), {"I": "unsigned char"})
        else:
            kernels.launch(FILE, "max_pool_forward", threads, (largest, winners, stack, *geometry))
        return self._result(x, largest, winners, _places_in_planes)

    def _prepared(self, x: Array) -> tuple[Windows, Array, Array, Array]:
        """The windows, `x` as a stack, and empty stacks for the elements and for the winners (None: not needed)."""
        windows, xp, stack = self.windows, array_module(x), as_stack(x, len(self.windows.size))
        shape = (len(stack), *windows.out, stack.shape[-1])
        is_numbered = self.indices or self.needs[0]
        return windows, stack, xp.empty(shape, x.dtype), xp.empty(shape, _winner_type(windows)) if is_numbered else None

    def _result(self, x: Array, largest: Array, winners: Array, positions: Callable[[Array, Windows], Array]) -> Any:
        self.kept, self.shape = winners, x.shape
        out = (*x.shape[: -len(self.windows.size)], *self.windows.out)
        result = from_stack(largest, out)
        return (result, from_stack(positions(winners, self.windows), out)) if self.indices else result

    def backward(self, grad: Tensor, *_: Any) -> Tensor:
        result: Tensor = MaxPoolBackward(self.windows, self.shape)(grad, self.kept)
        return result


def _largest(stack: Array, windows: Windows, with_winners: bool) -> tuple[Array, Array]:
    """The largest elements of the windows and their numbers in the window (None: not asked for)."""
    lowest = -np.inf if stack.dtype.kind == "f" else np.iinfo(stack.dtype).min
    best, winner = padded(stack, windows, lowest), None
    for axis in reversed(range(len(windows.size))):
        if with_winners:
            best, winner = _along(axis, best, winner, windows)
        else:
            best = _largest_along(axis, best, windows)
    return best, winner


def _along(axis: int, values: Array, inner: Array | None, windows: Windows) -> tuple[Array, Array]:
    """The largest of `values` along one axis, and its number; `inner` are the numbers along the axes after this one.

    A value replaces the best so far if it is larger or NaN: the first of equals wins, and of NaNs the last, as in
    PyTorch. What is read several times is copied first: short rows take NumPy longer than the copy.
    """
    xp = array_module(values)
    step = math.prod(windows.kernel[axis + 1 :])
    best = windows.seen(values, axis, 0).copy()
    start = xp.zeros(best.shape, _winner_type(windows)) if inner is None else windows.seen(inner, axis, 0)
    winner = start.copy()
    if windows.padding[axis]:  # start with the first element that is no padding, lest padding win
        winner += _first_inside(axis, winner, windows) * winner.dtype.type(step)
    for tap in range(1, windows.kernel[axis]):
        value = xp.ascontiguousarray(windows.seen(values, axis, tap))
        wins = value > best
        if value.dtype.kind == "f":
            wins |= value != value
        number = winner.dtype.type(tap * step)
        if windows.stride[axis] == 0:
            number = _along_axis(axis, np.minimum(tap, windows.lengths(axis) - 1) * step, winner)
        if inner is not None:
            number = windows.seen(inner, axis, tap) + number
        xp.maximum(best, value, out=best)
        xp.maximum(winner, wins.view(np.uint8) * number, out=winner)  # a later winner has a larger number
    return best, winner


def _largest_along(axis: int, values: Array, windows: Windows) -> Array:
    """The largest of `values` along one axis."""
    best = windows.seen(values, axis, 0)
    for tap in range(1, windows.kernel[axis]):
        best = array_module(values).maximum(best, windows.seen(values, axis, tap))
    return best


def _along_axis(axis: int, numbers: Positions, winner: Array) -> Array:
    """One number for each window along `axis`, in the type of `winner` and a shape that broadcasts with it."""
    shape = (-1, *[1] * (winner.ndim - axis - 2))
    return array_module(winner).asarray(numbers.astype(winner.dtype)).reshape(shape)


def _first_inside(axis: int, winner: Array, windows: Windows) -> Array:
    """The first element of each window that is not padding, along `axis`, in a shape that broadcasts with `winner`."""
    return _along_axis(axis, -(windows.starts(axis).clip(None, 0) // windows.dilation[axis]), winner)


def _winner_type(windows: Windows) -> Any:
    return np.uint8 if math.prod(windows.kernel) <= 256 else np.int32


def _positions(winners: Array, windows: Windows) -> Array:
    """The winners' positions in the flattened input, int64; 0 for windows that see nothing of it."""
    xp, rank = array_module(winners), len(windows.size)
    start = np.zeros(windows.out, np.int64)  # of each window
    offset = np.zeros(windows.kernel, np.int64)  # of each element of a window from its start
    for axis, size in enumerate(windows.size):
        tail = (-1, *[1] * (rank - axis - 1))
        start = start * size + windows.starts(axis).reshape(tail)
        offset = offset * size + (np.arange(windows.kernel[axis]) * windows.dilation[axis]).reshape(tail)
    found = xp.take(xp.asarray(offset.reshape(-1)), winners)
    found += xp.asarray(start[..., None])
    return found if windows.blind is None else xp.where(xp.asarray(windows.blind), 0, found)


def _places_in_planes(winners: Array, windows: Windows) -> Array:
    """The same by a kernel."""
    places = array_module(winners).empty(winners.shape, np.int64)
    kernels.launch(FILE, "max_pool_places", winners.size, (places, winners, *windows.geometry(winners)), {"T": "float"})
    return places


def _places(winners: Array, windows: Windows) -> Array:
    """The winners' places in the flattened stack, int64."""
    xp, (a, *_, b) = array_module(winners), winners.shape
    found = _positions(winners, windows)
    if b > 1:
        found = found * b + xp.arange(b)
    found += (xp.arange(a) * (math.prod(windows.size) * b)).reshape(-1, *[1] * (found.ndim - 1))
    return found


class MaxPoolBackward(Function):
    """The gradient at the place of each winner, added up where windows share one; 0 elsewhere."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, windows: Windows, shape: tuple[int, ...]) -> None:
        self.windows, self.shape = windows, shape

    def forward_numpy(self, grad: Array, winners: Array) -> Array:
        windows, grads = self.windows, as_stack_like(winners, grad)
        dx = np.zeros((len(winners), *windows.size, winners.shape[-1]), grad.dtype)
        for block in blocks(dx):
            places = _places(winners[block], windows).reshape(-1)
            values, flat = widened(grads[block]), dx[block].reshape(-1)
            values = (values if windows.blind is None else np.where(windows.blind, 0, values)).reshape(-1)
            if windows.overlap:
                flat[:] = np.bincount(places, values, flat.size)
            else:
                flat[places] = values
        return from_stack(dx, self.shape)

    def forward_cuda(self, grad: Array, winners: Array) -> Array:
        dx = array_module(grad).empty((len(winners), *self.windows.size, winners.shape[-1]), grad.dtype)
        args = (dx, as_stack_like(winners, grad), winners, *self.windows.geometry(winners))
        kernels.launch(FILE, "max_pool_backward", threads_for(dx), args)
        return from_stack(dx, self.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return MaxPoolGather(self.windows, self.shape)(grad, self.saved(1)), None


class MaxPoolGather(Function):
    """The elements at the places of the winners."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, windows: Windows, shape: tuple[int, ...]) -> None:
        self.windows, self.shape = windows, shape

    def forward_numpy(self, x: Array, winners: Array) -> Array:
        windows, stack = self.windows, as_stack_like(winners, x, self.windows.size)
        found = stack.reshape(-1).take(_places(winners, windows))
        if windows.blind is not None:
            found = np.where(windows.blind, x.dtype.type(0), found)
        return from_stack(found, (*self.shape[: -len(windows.size)], *windows.out))

    def forward_cuda(self, x: Array, winners: Array) -> Array:
        windows, found = self.windows, array_module(x).empty(winners.shape, x.dtype)
        args = (found, as_stack_like(winners, x, windows.size), winners, *windows.geometry(winners))
        kernels.launch(FILE, "max_pool_gather", found.size, args)
        return from_stack(found, (*self.shape[: -len(windows.size)], *windows.out))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return MaxPoolBackward(self.windows, self.shape)(grad, self.saved(1)), None


def _largest_of(op: str, input: Tensor, windows: Windows, return_indices: bool) -> Any:
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError(f"{op}: not for bool; use input.to(gpunn.float32)")
    return MaxPool(windows, bool(return_indices))(input)


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of signals (N, C, L) or (C, L): (N, C, P). Arguments as in `max_pool2d`."""
    windows = windows_over("max_pool1d", input, 1, kernel_size, stride, padding, dilation, ceil_mode)
    if not return_indices and not dtypes.of(input.array).is_floating_point:
        raise DtypeError(f"max_pool1d: not for {dtypes.of(input.array)}; use input.to(gpunn.float32)")
    return _largest_of("max_pool1d", input, windows, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of images (N, C, H, W) or (C, H, W): (N, C, P, Q).

    The window of output (p, q) starts at (p, q) · stride - padding and has kernel_size elements a side, `dilation`
    apart; P = (H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1, rounded down, or up with `ceil_mode`
    if the last window still starts inside. `stride` is kernel_size unless given. Padding counts as -inf. NaN is
    larger than anything; of equals the first wins and gets the gradient.

    With `return_indices` a pair: the elements, and their positions in their flattened H · W planes (int64).
    """
    windows = windows_over("max_pool2d", input, 2, kernel_size, stride, padding, dilation, ceil_mode)
    return _largest_of("max_pool2d", input, windows, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of volumes (N, C, D, H, W) or (C, D, H, W). Arguments as in `max_pool2d`."""
    windows = windows_over("max_pool3d", input, 3, kernel_size, stride, padding, dilation, ceil_mode)
    return _largest_of("max_pool3d", input, windows, return_indices)
