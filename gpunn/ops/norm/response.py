"""Local response normalisation. Source: Krizhevsky, Sutskever, Hinton, ImageNet classification, NeurIPS 2012, §3.3."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.norm.arguments import check_tensors
from gpunn.ops.norm.cut import as_given, in_memory_order
from gpunn.ops.norm.launches import compute_dtype
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.shape.conversion import is_channels_last
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class WindowSum(Function):
    """For each channel the sum over the channels from `before` before it to `after` behind it."""

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after = before, after

    def forward(self, x: Array) -> Array:
        sums, channels = x.copy(order="K"), x.shape[1]
        for step in range(1, min(self.before, channels - 1) + 1):
            sums[:, step:] += x[:, :-step]
        for step in range(1, min(self.after, channels - 1) + 1):
            sums[:, :-step] += x[:, step:]
        return sums

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = WindowSum(self.after, self.before)(grad)
        return result


class LocalResponse(Function):
    """x · base^-beta, base = k + alpha · (mean of x² over a window of channels)."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.before, self.after = size // 2, (size - 1) // 2

    def forward_numpy(self, x: Array) -> Array:
        values = widened(x)
        base = WindowSum(self.before, self.after).forward(values * values)
        base *= self.alpha / self.size
        base += self.k
        self.kept = base
        return (values / base**self.beta).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        channels_last, xp = is_channels_last(x), array_module(x)
        values = in_memory_order(x, channels_last)
        y, base = xp.empty(values.shape, x.dtype), xp.empty(values.shape, compute_dtype(x))
        sizes = (*_places(x, channels_last), self.before, self.after)
        args = (y, base, values, *sizes, self.alpha, self.beta, self.k)
        kernels.launch("norm/response", "response_forward", x.size, args)
        self.kept = as_given(base, x.shape, channels_last)
        return as_given(y, x.shape, channels_last)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = LocalResponseBackward(self)(grad, self.saved(0), self.kept)
        return result


class LocalResponseBackward(Function):
    """dy · base^-beta - share · x · W'(dy · x · base^(-beta - 1)), share = 2 · alpha · beta / size.

    W is the sum over a window of channels, W' that over the channels whose windows have this one.
    """

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, node: LocalResponse) -> None:
        self.size, self.alpha, self.beta, self.k = node.size, node.alpha, node.beta, node.k
        self.before, self.after = node.before, node.after
        self.share = 2 * self.alpha * self.beta / self.size

    def forward_numpy(self, grad: Array, x: Array, base: Array) -> Array:
        channels_last = is_channels_last(x)
        dy = as_given(in_memory_order(widened(grad), channels_last), x.shape, channels_last)
        values = widened(x)
        power = base**-self.beta
        sums = WindowSum(self.after, self.before).forward(dy * values * (power / base))
        return (dy * power - self.share * values * sums).astype(x.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array, base: Array) -> Array:
        channels_last = is_channels_last(x)
        arrays = [in_memory_order(v, channels_last) for v in (grad, x, base)]
        dx = array_module(x).empty(arrays[1].shape, x.dtype)
        sizes = (*_places(x, channels_last), self.before, self.after)
        kernels.launch("norm/response", "response_backward", x.size, (dx, *arrays, *sizes, self.alpha, self.beta))
        return as_given(dx, x.shape, channels_last)

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """The derivatives of Σ grad · dx by dy and by x."""
        dy, x = self.saved(0), self.saved(1)
        around, about = WindowSum(self.before, self.after), WindowSum(self.after, self.before)
        slope, beta, share = 2 * self.alpha / self.size, self.beta, self.share

        def over(node: WindowSum, v: Any) -> Any:
            return node.fresh()(v)

        base: Any = over(around, x * x) * (self.alpha / self.size) + self.k
        once: Any = base ** (-beta - 1)
        met = over(around, grad * x)
        d_dy = grad * base**-beta - share * once * x * met
        d_x = -share * (x * over(about, grad * dy * once) + grad * over(about, dy * x * once) + dy * once * met)
        d_x = d_x + share * (beta + 1) * slope * x * over(about, met * dy * x * base ** (-beta - 2))
        return d_dy, d_x, None


def _places(x: Array, channels_last: bool) -> tuple[int, int, int]:
    """Elements, channels, and the neighbours of one channel in memory."""
    return x.size, x.shape[1], 1 if channels_last else math.prod(x.shape[2:])


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha · m)^beta for images (N, C, *), m the mean of input² over `size` neighbouring channels.

    They are those from size // 2 before the channel to (size - 1) // 2 behind it; channels that are not there count
    as 0. float16 and bfloat16 are computed in float32 and rounded once.
    """
    whole = isinstance(input, Variable) and dtypes.of(input.array) is dtypes.int64
    if not whole:
        check_tensors("local_response_norm", input, {})
    if input.array.ndim < 3:
        raise ShapeError(
            f"local_response_norm: Expected 3D or higher dimensionality input (got {input.array.ndim} dimensions)"
        )
    width = one_int("local_response_norm", "size", size)
    if not input.array.size:
        return input
    if not 0 < width < 2**31:
        raise ArgumentError(f"local_response_norm: size should be greater than zero and below 2^31, but got {width}")
    if whole:  # as in PyTorch, the mean is a whole number
        mean: Any = WindowSum(width // 2, (width - 1) // 2)(input * input) // width
        return input / (mean * float(alpha) + float(k)) ** float(beta)
    result: Tensor = LocalResponse(width, float(alpha), float(beta), float(k))(input)
    return result
