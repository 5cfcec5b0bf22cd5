"""unfold and fold: what the windows of a convolution see as columns (im2col), and the sums of columns (col2im)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, IndexRangeError, ShapeError, UnsupportedError
from gpunn.kernels.source import C_TYPES
from gpunn.ops.arithmetic.comparison import ne
from gpunn.ops.conv.geometry import LARGEST
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of, refuse_dtypes
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import ints
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Pair = tuple[int, int]
INTEGERS: Final = (dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
NAMES: Final = ("kernel_size", "dilation", "padding", "stride")


class Axis(NamedTuple):
    """One axis of the image. Window p sees the places p · stride - padding + t · dilation, t < kernel."""

    size: int
    out: int  # how many windows
    kernel: int
    stride: int
    padding: int
    dilation: int


class Unfold(Function):
    """(N, C, H, W) -> (N, C · kernels, windows)."""

    def __init__(self, h: Axis, w: Axis) -> None:
        self.h, self.w = h, w

    def forward_numpy(self, x: Array) -> Array:
        xp, (n, c, *_) = array_module(x), x.shape
        (top, height), (left, width) = ((a.padding, a.size + 2 * a.padding) for a in (self.h, self.w))
        padded = xp.zeros((n, c, height, width), x.dtype)
        padded[:, :, top : top + self.h.size, left : left + self.w.size] = x
        image, channel, row, column = padded.strides
        strides = (self.h.dilation * row, self.w.dilation * column, self.h.stride * row, self.w.stride * column)
        seen = xp.lib.stride_tricks.as_strided(padded, self.shape(n, c), (image, channel, *strides))
        return xp.ascontiguousarray(seen).reshape(*self.columns(n, c))

    def forward_cuda(self, x: Array) -> Array:
        xp, (n, c, *_) = array_module(x), x.shape
        y = xp.empty(self.columns(n, c), x.dtype)
        bits = f"u{x.itemsize}"
        kernels.launch(
            "conv/unfold", "unfold", y.size, (y.view(bits), xp.ascontiguousarray(x).view(bits), n * c, *self.numbers())
        )
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return Fold(self.h, self.w)(grad)

    def shape(self, n: int, c: int) -> tuple[int, ...]:
        """The axes of the columns, one by one."""
        return n, c, self.h.kernel, self.w.kernel, self.h.out, self.w.out

    def columns(self, n: int, c: int) -> tuple[int, int, int]:
        """The shape of the columns."""
        return n, c * self.h.kernel * self.w.kernel, self.h.out * self.w.out

    def numbers(self) -> tuple[int, ...]:
        """Both axes as a kernel takes them."""
        return *self.h, *self.w


class Fold(Unfold):
    """(N, C · kernels, windows) -> (N, C, H, W): the transpose of Unfold."""

    def forward_numpy(self, x: Array) -> Array:
        xp, h, w, (n, c) = array_module(x), self.h, self.w, self.channels(x)
        parts = widened(x).reshape(self.shape(n, c))
        whole = xp.zeros((n, c, h.size + 2 * h.padding, w.size + 2 * w.padding), parts.dtype)
        for i in range(h.kernel):
            rows = slice(i * h.dilation, i * h.dilation + (h.out - 1) * h.stride + 1, h.stride)
            for j in range(w.kernel):
                columns = slice(j * w.dilation, j * w.dilation + (w.out - 1) * w.stride + 1, w.stride)
                whole[:, :, rows, columns] += parts[:, :, i, j]
        inner = whole[:, :, h.padding : h.padding + h.size, w.padding : w.padding + w.size]
        return xp.ascontiguousarray(inner).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        xp, (n, c) = array_module(x), self.channels(x)
        y = xp.empty((n, c, self.h.size, self.w.size), x.dtype)
        constants = {"T": C_TYPES[x.dtype.name]}
        kernels.launch("conv/fold", "fold", y.size, (y, xp.ascontiguousarray(x), n * c, *self.numbers()), constants)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return Unfold(self.h, self.w)(grad)

    def channels(self, x: Array) -> Pair:
        """How many images and channels there are."""
        return x.shape[0], x.shape[1] // (self.h.kernel * self.w.kernel)


def unfold(
    input: Tensor,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """What each window of an image sees, as a column: (N, C, H, W) -> (N, C · kernel_h · kernel_w, L).

    L = L_h · L_w windows, row by row: L_h = ⌊(H + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1, L_w likewise.
    Outside of the image are zeros. (C, H, W) -> (C · kernel_h · kernel_w, L). A convolution is a product of its weight,
    as a matrix, with this.
    """
    op = "unfold"
    x = array_of(op, input)
    settings = pairs_of(op, kernel_size, dilation, padding, stride)
    refuse_dtypes(op, x, *INTEGERS)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ShapeError(
            f"{op}: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got shape {x.shape}"
        )
    h, w = axes_of(op, (x.shape[-2], x.shape[-1]), settings)
    if min(h.out, w.out) < 1:
        raise ShapeError(
            f"{op}: Given input with spatial size {x.shape[-2:]}, {_named(settings)}, calculated shape of the array of "
            f"sliding blocks as {(h.out, w.out)}, but its components must be at least one"
        )
    if x.ndim == 4:
        return Unfold(h, w)(input)
    found: Tensor = Unfold(h, w)(View((1, *x.shape))(input))
    return View(found.array.shape[1:])(found)


def fold(
    input: Tensor,
    output_size: int | Pair,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Images in which each place is the sum of what the columns say of it.

    (N, C · kernel_h · kernel_w, L) -> (N, C, H, W), both also without N. `output_size` is (H, W); L and the other
    arguments are as in `unfold`, whose transpose this is. fold(unfold(x)) is x times the number of windows that see
    each place. Sums of booleans are true where one of them is.
    """
    op = "fold"
    x = array_of(op, input)
    size = pair_of(op, "output_size", output_size, 1)
    settings = pairs_of(op, kernel_size, dilation, padding, stride)
    if x.dtype == bool:
        counts = fold(cast(input, dtypes.float32), output_size, kernel_size, dilation, padding, stride)
        return ne(counts, 0)
    if not dtypes.of(x).is_floating_point:
        raise UnsupportedError(f"{op}: not implemented for {dtypes.of(x)}; use x.float()")
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise ShapeError(
            f"{op}: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
            f"for input, but got shape {x.shape}"
        )
    taps = math.prod(settings[0])
    if x.shape[-2] % taps:
        raise ShapeError(
            f"{op}: Expected size of input's dimension {x.ndim - 2} to be divisible by the product of kernel_size, but "
            f"got {x.shape} and kernel_size={settings[0]}"
        )
    h, w = axes_of(op, size, settings)
    if min(h.out, w.out) < 1 or h.out * w.out != x.shape[-1]:
        raise ShapeError(
            f"{op}: Given output_size={size}, {_named(settings)}, expected size of input's last dimension to match the "
            f"calculated number of sliding blocks {h.out} * {w.out} = {h.out * w.out}, but got input of shape {x.shape}"
        )
    if x.ndim == 3:
        return Fold(h, w)(input)
    found: Tensor = Fold(h, w)(View((1, *x.shape))(input))
    return View(found.array.shape[1:])(found)


def pairs_of(op: str, *given: Any) -> tuple[Pair, ...]:
    """kernel_size, dilation, padding and stride as pairs."""
    return tuple([pair_of(op, n, g, 0 if n == "padding" else 1) for n, g in zip(NAMES, given, strict=True)])


def pair_of(op: str, name: str, given: Any, least: int) -> Pair:
    """The argument `name`, an int or two, `least` at least, as a pair."""
    numbers = ints(op, name, given)
    if hasattr(given, "__index__"):
        numbers *= 2
    if len(numbers) != 2:
        raise ArgumentError(f"{op}: It is expected {name} equals to 2 numbers, but got {name}={given}")
    if min(numbers) < least:
        raise ArgumentError(
            f"{op}: {name} should be {'greater than zero' if least else 'non-negative'}, but got {name}={given}"
        )
    if max(numbers) > LARGEST:
        raise IndexRangeError(f"{op}: {name} may be {LARGEST} at most, got {name}={given}")
    return numbers[0], numbers[1]


def axes_of(op: str, size: Pair, settings: tuple[Pair, ...]) -> list[Axis]:
    """Both axes of images of `size`."""
    axes = []
    for n, kernel, dilation, padding, stride in zip(size, *settings, strict=True):
        reach, padded = dilation * (kernel - 1) + 1, n + 2 * padding
        if max(reach, padded) > LARGEST:
            raise IndexRangeError(
                f"{op}: windows of {reach} elements on a padded axis of {padded}; "
                f"no axis may be longer than {LARGEST}; {_named(settings)}"
            )
        axes.append(Axis(n, (padded - reach) // stride + 1, kernel, stride, padding, dilation))
    return axes


def _named(settings: tuple[Pair, ...]) -> str:
    return ", ".join(f"{name}={pair}" for name, pair in zip(NAMES, settings, strict=True))
