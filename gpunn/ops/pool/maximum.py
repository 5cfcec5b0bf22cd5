"""Max pooling.

The largest element of a window is found one axis after the other, the last axis first: kernel sizes add up then, they
do not multiply. The winner of each window is kept as its number in the window, row by row, in the smallest type.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import DtypeError
from gpunn.ops.pool.windows import Sizes, Windows, as_stack, blocks, from_stack, padded, windows_over
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MaxPool(Function):
    """The largest elements, and with `indices` their positions in the flattened input."""

    def __init__(self, windows: Windows, indices: bool) -> None:
        self.windows, self.indices = windows, indices

    def forward(self, x: Array) -> Any:
        windows, rank = self.windows, len(self.windows.size)
        xp, stack = array_module(x), as_stack(x, rank)
        shape = (len(stack), *windows.out, stack.shape[-1])
        largest, winners = xp.empty(shape, x.dtype), None
        if self.indices or self.needs[0]:
            winners = xp.empty(shape, _winner_type(windows))
        for block in blocks(stack):
            values, found = _largest(widened(stack[block]), windows, winners is not None)
            largest[block] = values
            if winners is not None:
                winners[block] = found
        self.kept, self.shape = winners, x.shape
        out = (*x.shape[:-rank], *windows.out)
        result = from_stack(largest, out)
        if not self.indices:
            return result
        return result, from_stack(_positions(winners, windows), out)

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
    best = values[_index(axis, 0, windows)].copy()
    start = xp.zeros(best.shape, _winner_type(windows)) if inner is None else inner[_index(axis, 0, windows)]
    winner = start.copy()
    if windows.padding[axis]:  # start with the first element that is no padding, lest padding win
        winner += _first_inside(axis, winner, windows) * winner.dtype.type(step)
    for tap in range(1, windows.kernel[axis]):
        value = xp.ascontiguousarray(values[_index(axis, tap, windows)])
        wins = value > best
        if value.dtype.kind == "f":
            wins |= value != value
        number = winner.dtype.type(tap * step)
        if inner is not None:
            number = inner[_index(axis, tap, windows)] + number
        xp.maximum(best, value, out=best)
        xp.maximum(winner, wins.view(np.uint8) * number, out=winner)  # a later winner has a larger number
    return best, winner


def _largest_along(axis: int, values: Array, windows: Windows) -> Array:
    """The largest of `values` along one axis."""
    best = values[_index(axis, 0, windows)]
    for tap in range(1, windows.kernel[axis]):
        best = array_module(values).maximum(best, values[_index(axis, tap, windows)])
    return best


def _index(axis: int, tap: int, windows: Windows) -> tuple[slice, ...]:
    """What element `tap` of each window sees along an axis of a stack."""
    return (*[slice(None)] * (axis + 1), windows.seen_at(axis, tap))


def _first_inside(axis: int, winner: Array, windows: Windows) -> Array:
    """The first element of each window that is not padding, along `axis`, in a shape that broadcasts with `winner`."""
    starts = array_module(winner).arange(windows.out[axis]) * windows.stride[axis] - windows.padding[axis]
    first = -(starts.clip(None, 0) // windows.dilation[axis])
    return first.astype(winner.dtype).reshape(-1, *[1] * (winner.ndim - axis - 2))


def _winner_type(windows: Windows) -> Any:
    return np.min_scalar_type(math.prod(windows.kernel) - 1)


def _positions(winners: Array, windows: Windows) -> Array:
    """The winners' positions in the flattened input, int64."""
    xp, rank = array_module(winners), len(windows.size)
    start = np.zeros(windows.out, np.int64)  # of each window
    offset = np.zeros(windows.kernel, np.int64)  # of each element of a window from its start
    for axis, size in enumerate(windows.size):
        tail = (-1, *[1] * (rank - axis - 1))
        first = np.arange(windows.out[axis]) * windows.stride[axis] - windows.padding[axis]
        start = start * size + first.reshape(tail)
        offset = offset * size + (np.arange(windows.kernel[axis]) * windows.dilation[axis]).reshape(tail)
    found = xp.take(xp.asarray(offset.reshape(-1)), winners)
    found += xp.asarray(start[..., None])
    if max(windows.padding) > 0 and max(windows.dilation) > 1:  # a window may see nothing but padding
        return xp.clip(found, 0, math.prod(windows.size) - 1)
    return found


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
        windows, grads = self.windows, _like(winners, grad)
        dx = np.zeros((len(winners), *windows.size, winners.shape[-1]), grad.dtype)
        for block in blocks(dx):
            places = _places(winners[block], windows).reshape(-1)
            values, flat = widened(grads[block]).reshape(-1), dx[block].reshape(-1)
            if windows.overlap():
                flat[:] = np.bincount(places, values, flat.size)
            else:
                flat[places] = values
        return from_stack(dx, self.shape)

    def forward_cuda(self, grad: Array, winners: Array) -> Array:
        xp, windows, grads = array_module(grad), self.windows, widened(_like(winners, grad))
        axes = range(len(windows.size))
        ends = [max(windows.end(i), windows.padding[i] + windows.size[i]) for i in axes]
        wide = xp.zeros((len(winners), *ends, winners.shape[-1]), grads.dtype)
        for number, tap in enumerate(itertools.product(*map(range, windows.kernel))):
            seen = [windows.seen_at(i, tap[i]) for i in axes]
            wide[:, *seen] += xp.where(winners == number, grads, grads.dtype.type(0))
        inside = [slice(windows.padding[i], windows.padding[i] + windows.size[i]) for i in axes]
        dx = xp.ascontiguousarray(wide[:, *inside]).astype(grad.dtype, copy=False)
        return from_stack(dx, self.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return MaxPoolGather(self.windows, self.shape)(grad, self.saved(1)), None


class MaxPoolGather(Function):
    """The elements at the places of the winners."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, windows: Windows, shape: tuple[int, ...]) -> None:
        self.windows, self.shape = windows, shape

    def forward(self, x: Array, winners: Array) -> Array:
        rank = len(self.windows.size)
        stack = _like(winners, x, self.windows.size)
        found = array_module(x).take(stack.reshape(-1), _places(winners, self.windows))
        return from_stack(found, (*self.shape[:-rank], *self.windows.out))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return MaxPoolBackward(self.windows, self.shape)(grad, self.saved(1)), None


def _like(winners: Array, x: Array, size: tuple[int, ...] | None = None) -> Array:
    """`x` (…, C, *size) as a contiguous stack with the channels where `winners` have them."""
    if winners.shape[-1] > 1:
        x = x.transpose(0, *range(2, x.ndim), 1)
    return array_module(x).ascontiguousarray(x).reshape(len(winners), *(size or winners.shape[1:-1]), winners.shape[-1])


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
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError("max_pool2d: not for bool; use input.to(gpunn.float32)")
    return MaxPool(windows, return_indices)(input)
