"""The windows of pooling: where they lie, with all checks, and the arrays that they are cut from."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from gpunn.kernels import vector_threads
from gpunn.ops.conv.geometry import LARGEST, per_axis
from gpunn.ops.shape.conversion import contiguous_format, layout
from gpunn.ops.shape.dims import ints

BLOCK = 2**19  # bytes of the input that are pooled at a time, so that they stay in the cache
WARP_WINDOW = 64  # as in kernels/pool/sums.cuh
Sizes = int | tuple[int, ...]
Parts = int | tuple[int | None, ...] | None  # output sizes of adaptive pooling
Positions = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Windows:
    """Where the windows lie; one number for each spatial axis. Window p starts at position p · stride - padding.

    A stride of 0 stands for adaptive windows: p sees [p · size / out, (p + 1) · size / out), rounded outwards, and
    `kernel` is the longest of them.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    size: tuple[int, ...]  # of the input
    out: tuple[int, ...]  # of the output

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """What a kernel gets: size, out, kernel, stride, padding and dilation of each of three axes."""
        axes = zip(self.size, self.out, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return (*(1, 1, 1, 1, 0, 1) * (3 - len(self.size)), *[number for axis in axes for number in axis])

    def starts(self, axis: int) -> Positions:
        """Where the windows start along an axis of the input."""
        windows = np.arange(self.out[axis])
        if self.stride[axis] == 0:
            return windows * self.size[axis] // self.out[axis]
        return windows * self.stride[axis] - self.padding[axis]

    def lengths(self, axis: int) -> Positions:
        """How many elements the windows have along an axis, without what is beyond the input, if they are adaptive."""
        if self.stride[axis] == 0:
            ends = -(-(np.arange(self.out[axis]) + 1) * self.size[axis] // self.out[axis])
            return ends - self.starts(axis)
        return np.full(self.out[axis], self.kernel[axis])

    def seeing(self, axis: int) -> tuple[Positions, Positions]:
        """For each position along an axis of the input, the first adaptive window that sees it and the one after."""
        positions = np.arange(self.size[axis])
        first = positions * self.out[axis] // self.size[axis]
        return first, -(-(positions + 1) * self.out[axis] // self.size[axis])

    def end(self, axis: int) -> int:
        """Up to where the windows see along an axis of the padded input."""
        if self.stride[axis] == 0:
            return self.size[axis]
        last = (self.out[axis] - 1) * self.stride[axis]
        return last + self.dilation[axis] * (self.kernel[axis] - 1) + 1

    @cached_property
    def is_padded(self) -> bool:
        """Whether a window sees something outside the input."""
        axes = range(len(self.size))
        return max(self.padding) > 0 or any([self.end(axis) > self.size[axis] for axis in axes])

    @cached_property
    def overlap(self) -> bool:
        """Whether an element can be seen by two windows."""
        axes = range(len(self.size))
        return any([self.stride[i] < self.dilation[i] * (self.kernel[i] - 1) + 1 for i in axes])

    @cached_property
    def blind(self) -> Any:
        """Which windows see nothing but padding, as a stack (*out, 1); None if all see something of the input."""
        if max(self.padding) == 0 or max(self.dilation) == 1:
            return None
        blind = np.zeros(self.out, bool)
        for axis, (size, dilation) in enumerate(zip(self.size, self.dilation, strict=True)):
            first = self.starts(axis)
            first += -(first.clip(None, 0) // dilation) * dilation  # the first element that is not before the input
            blind |= (first >= size).reshape(-1, *[1] * (len(self.size) - axis - 1))
        return blind[..., None] if blind.any() else None

    def seen_at(self, axis: int, tap: int) -> slice:
        """What element `tap` of each window sees along `axis` of the padded input, if they are not adaptive."""
        start = tap * self.dilation[axis]
        return slice(start, start + (self.out[axis] - 1) * self.stride[axis] + 1, self.stride[axis])

    def seen(self, values: Array, axis: int, tap: int) -> Array:
        """The elements of the padded stack `values` that tap number `tap` of each window sees along `axis`.

        Adaptive windows that have no such tap see their last element.
        """
        if self.stride[axis] == 0:
            places = self.starts(axis) + np.minimum(tap, self.lengths(axis) - 1)
            return values.take(array_module(values).asarray(places), axis + 1)
        return values[(*[slice(None)] * (axis + 1), self.seen_at(axis, tap))]

    def geometry(self, stack: Array) -> tuple[int, ...]:
        """What every kernel of this family takes after its arrays: planes, channels and `numbers`."""
        return len(stack), stack.shape[-1], *self.numbers


def windows_over(
    op: str,
    input: Any,
    rank: int,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Windows:
    """The windows over the last `rank` axes of the tensor `input`, from arguments as users give them."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    if stride is None or (isinstance(stride, tuple | list) and not stride):
        settings["stride"] = kernel
    numbers = [per_axis(op, name, given, rank) for name, given in settings.items()]
    return _placed(op, input.array.shape, *numbers, bool(ceil_mode))


@functools.lru_cache(maxsize=1024)
def _placed(
    op: str,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> Windows:
    rank = len(kernel)
    for name, numbers in (("kernel size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(numbers) <= 0:
            raise ArgumentError(f"{op}: {name} should be greater than zero, got {numbers}")
    if min(padding) < 0:
        raise ArgumentError(f"{op}: pad must be non-negative, got {padding}")
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any([p > k // 2 for p, k in zip(padding, kernel, strict=True)]):
        raise ArgumentError(
            f"{op}: pad should be at most half of kernel size, but got pad={padding} and kernel_size={kernel}"
        )
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[-rank - 1 :]:
        raise ShapeError(
            f"{op}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got: {shape}"
        )
    size = shape[-rank:]
    if max(*reach, *stride, *size) > LARGEST:
        raise IndexRangeError(
            f"{op}: no number may be larger than {LARGEST}, got kernel_size={kernel}, stride={stride}, "
            f"dilation={dilation} for input {shape}"
        )
    out = []
    for n, k, s, p in zip(size, reach, stride, padding, strict=True):
        count = (n + 2 * p - k + (s - 1 if ceil_mode else 0)) // s + 1
        out.append(count - 1 if ceil_mode and (count - 1) * s >= n + p else count)
    if min(out) < 1:
        raise ShapeError(
            f"{op}: Given input size: {shape}. Calculated output size: {(*shape[:-rank], *out)}. Output size is "
            f"too small; kernel_size={kernel}, stride={stride}, padding={padding}, dilation={dilation}"
        )
    windows = Windows(kernel, stride, padding, dilation, size, tuple(out))
    reached = [max(windows.end(i), size[i] + padding[i]) for i in range(rank)]
    if max(*reached, math.prod(kernel)) > LARGEST:
        raise IndexRangeError(f"{op}: windows over {shape} reach beyond {LARGEST}, got {windows}")
    return windows


def adaptive_windows(op: str, input: Any, rank: int, output_size: Any) -> Windows:
    """The windows that cut the last `rank` axes of the tensor `input` into `output_size` parts each."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    shape = input.array.shape
    if isinstance(output_size, (tuple, list)):
        if len(output_size) > len(shape) and rank > 1:
            raise ShapeError(
                f"{op}: Input dimension should be at least {len(output_size) + 1}, got {len(shape)}: {shape}"
            )
        if len(output_size) != rank:
            raise ArgumentError(f"{op}: output_size must be {rank} numbers or one, got {tuple(output_size)}")
        given = tuple(output_size)
    else:
        given = (output_size,) * rank
    if len(shape) not in (rank + 1, rank + 2):
        raise ShapeError(f"{op}: Expected {rank + 1}D or {rank + 2}D tensor, but got {shape}")
    size = shape[-rank:]
    if rank > 1 and isinstance(output_size, (tuple, list)):
        given = tuple([n if g is None else g for g, n in zip(given, size, strict=True)])
    out = ints(op, "output_size", given)
    if min(out) < 0:
        raise ArgumentError(f"{op}: elements of output_size must be greater than or equal to 0 but received {out}")
    return _cut(size, out)


@functools.lru_cache(maxsize=1024)
def _cut(size: tuple[int, ...], out: tuple[int, ...]) -> Windows:
    """Adaptive windows; along an axis that they cut evenly, ordinary ones."""
    kernel, stride = [], []
    for n, parts in zip(size, out, strict=True):
        is_even = parts == 0 or n % parts == 0
        longest = -(-n // max(parts, 1)) if is_even else _longest(n, parts)
        kernel.append(max(longest, 1))
        stride.append(max(longest, 1) if is_even else 0)
    zeros, ones = (0,) * len(size), (1,) * len(size)
    return Windows(tuple(kernel), tuple(stride), zeros, ones, size, out)


def _longest(size: int, out: int) -> int:
    """The length of the longest of `out` adaptive windows."""
    windows = np.arange(out)
    return int((-(-(windows + 1) * size // out) - windows * size // out).max())


def as_stack(x: Array, rank: int) -> Array:
    """`x` as a C-contiguous array (A, *size, B): B is 1, or the channels if they are last in memory.

    A view of `x` if it is dense.
    """
    if layout(x) is contiguous_format:
        return array_module(x).ascontiguousarray(x).reshape(math.prod(x.shape[:-rank]), *x.shape[-rank:], 1)
    return x.transpose(0, *range(2, rank + 2), 1)


def as_stack_like(stack: Array, x: Array, size: tuple[int, ...] | None = None) -> Array:
    """`x` (…, C, *size) as a C-contiguous stack with the channels where `stack` has them; None: the size of that."""
    if stack.shape[-1] > 1:
        x = x.transpose(0, *range(2, x.ndim), 1)
    return array_module(x).ascontiguousarray(x).reshape(len(stack), *(size or stack.shape[1:-1]), stack.shape[-1])


def from_stack(stack: Array, shape: tuple[int, ...]) -> Array:
    """The stack (A, *size, B) as an array of `shape`, in the memory format that it was made from."""
    rank = stack.ndim - 2
    if stack.shape[-1] == 1:
        return stack.reshape(shape)
    return stack.transpose(0, rank + 1, *range(1, rank + 1))


def threads_for(stack: Array) -> int:
    """The threads for a kernel that makes a stack: each makes 16 bytes of channels, or one element."""
    return stack.size if stack.shape[-1] == 1 else vector_threads(stack)


def has_warps(stack: Array, windows: Windows) -> bool:
    """Whether kernels/pool/sums.cuh sums each window by a warp."""
    return stack.shape[-1] == 1 and math.prod(windows.kernel) >= WARP_WINDOW


def blocks(stack: Array) -> Iterator[slice]:
    """Slices that cut the first axis of a stack into blocks of about `BLOCK` bytes."""
    step = max(1, BLOCK // max(1, stack.dtype.itemsize * math.prod(stack.shape[1:])))
    for start in range(0, len(stack), step):
        yield slice(start, start + step)


def padded(stack: Array, windows: Windows, fill: Any) -> Array:
    """What the windows see of the stack: itself, or a copy with `fill` around it."""
    if not windows.is_padded:
        return stack
    axes = range(len(windows.size))
    ends = [windows.end(axis) for axis in axes]
    wide = array_module(stack).full((len(stack), *ends, stack.shape[-1]), fill, stack.dtype)
    inside, kept = [], []
    for end, pad, size in zip(ends, windows.padding, windows.size, strict=True):
        length = min(size, end - pad)
        inside.append(slice(pad, pad + length))
        kept.append(slice(0, length))
    wide[:, *inside] = stack[:, *kept]
    return wide
