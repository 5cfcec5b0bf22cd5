"""The windows of pooling: where they lie, with all checks, and the arrays that they are cut from."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from gpunn.ops.conv.geometry import LARGEST, per_axis
from gpunn.ops.shape.conversion import contiguous_format, layout

BLOCK = 2**19  # bytes of the input that are pooled at a time, so that they stay in the cache
Sizes = int | tuple[int, ...]


class Windows(NamedTuple):
    """Where the windows lie; one number for each spatial axis. Window p starts at position p · stride - padding."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    size: tuple[int, ...]  # of the input
    out: tuple[int, ...]  # of the output

    def end(self, axis: int) -> int:
        """Up to where the windows see along an axis of the padded input."""
        last = (self.out[axis] - 1) * self.stride[axis]
        return last + self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def is_padded(self) -> bool:
        """Whether a window sees something outside the input."""
        axes = range(len(self.size))
        return max(self.padding) > 0 or any([self.end(axis) > self.size[axis] for axis in axes])

    def overlap(self) -> bool:
        """Whether an element can be seen by two windows."""
        axes = range(len(self.size))
        return any([self.stride[i] < self.dilation[i] * (self.kernel[i] - 1) + 1 for i in axes])

    def seen_at(self, axis: int, tap: int) -> slice:
        """What element `tap` of each window sees along `axis` of the padded input."""
        start = tap * self.dilation[axis]
        return slice(start, start + (self.out[axis] - 1) * self.stride[axis] + 1, self.stride[axis])


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
    if stride is None or stride == ():
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
    return Windows(kernel, stride, padding, dilation, size, tuple(out))


def as_stack(x: Array, rank: int) -> Array:
    """`x` as a C-contiguous array (A, *size, B): B is 1, or the channels if they are last in memory.

    A view of `x` if it is dense.
    """
    if layout(x) is contiguous_format:
        return array_module(x).ascontiguousarray(x).reshape(-1, *x.shape[-rank:], 1)
    return x.transpose(0, *range(2, rank + 2), 1)


def from_stack(stack: Array, shape: tuple[int, ...]) -> Array:
    """The stack (A, *size, B) as an array of `shape`, in the memory format that it was made from."""
    rank = stack.ndim - 2
    if stack.shape[-1] == 1:
        return stack.reshape(shape)
    return stack.transpose(0, rank + 1, *range(1, rank + 1))


def blocks(stack: Array) -> Iterator[slice]:
    """Slices that cut the first axis of a stack into blocks of about `BLOCK` bytes."""
    step = max(1, BLOCK // max(1, stack.dtype.itemsize * math.prod(stack.shape[1:])))
    for start in range(0, len(stack), step):
        yield slice(start, start + step)


def padded(stack: Array, windows: Windows, fill: Any) -> Array:
    """What the windows see of the stack: itself, or a copy with `fill` around it."""
    if not windows.is_padded():
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
