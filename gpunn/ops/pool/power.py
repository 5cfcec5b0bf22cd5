"""Power-average pooling: the p-norm of each window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.arithmetic.elementwise import masked, zeros_like
from gpunn.ops.arithmetic.sign import abs as absolute
from gpunn.ops.pool.average import AvgPool, AvgPoolBackward
from gpunn.ops.pool.maximum import MaxPool
from gpunn.ops.pool.windows import (
    Sizes,
    Windows,
    as_stack,
    as_stack_like,
    from_stack,
    has_warps,
    threads_for,
    windows_over,
)
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE = "pool/power"  # of the kernels


class LPPool(Function):
    """(scale / size · Σ x^p)^(1/p) over each window: size of its elements are inside, scale of a whole window."""

    saves: ClassVar = {0: (0,)}
    saves_output: ClassVar = True

    def __init__(self, windows: Windows, p: float) -> None:
        self.windows, self.p, self.scale = windows, p, math.prod(windows.kernel)

    def forward_numpy(self, x: Array) -> Array:
        means = AvgPool(self.windows, None, False).forward_numpy(_power(widened(x), self.p))
        return _power(means * means.dtype.type(self.scale), 1 / self.p).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        windows, stack = self.windows, as_stack(x, len(self.windows.size))
        y = array_module(x).empty((len(stack), *windows.out, stack.shape[-1]), x.dtype)
        threads = threads_for(y) * (32 if has_warps(stack, windows) else 1)
        args = (y, stack, *windows.geometry(stack), self.p, self.scale)
        kernels.launch(FILE, "lp_pool_forward", threads, args)
        return from_stack(y, (*x.shape[: -len(windows.size)], *windows.out))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = LPPoolBackward(self.windows, self.p)(grad, self.saved(0), self.saved_output())
        return result


class LPPoolBackward(Function):
    """x^(p - 1) · B(g · b(y)), where B spreads averages and b(y) = scale · y^(1 - p), 0 for y = 0."""

    saves: ClassVar = {0: (0, 1, 2), 1: (0, 1, 2), 2: (0, 1, 2)}

    def __init__(self, windows: Windows, p: float) -> None:
        self.windows, self.p, self.scale = windows, p, math.prod(windows.kernel)

    def forward_numpy(self, grad: Array, x: Array, y: Array) -> Array:
        wide_y = widened(y)
        shares = np.where(wide_y == 0, 0, widened(grad) * (_power(wide_y, 1 - self.p) * wide_y.dtype.type(self.scale)))
        sums = AvgPoolBackward(self.windows, None, False, x.shape).forward_numpy(shares)
        return (sums * _power(widened(x), self.p - 1)).astype(x.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array, y: Array) -> Array:
        windows, stack = self.windows, as_stack(x, len(self.windows.size))
        dx = array_module(x).empty(stack.shape, x.dtype)
        like = [as_stack_like(stack, a, a.shape[-len(windows.size) :]) for a in (grad, y)]
        args = (dx, like[0], stack, like[1], *windows.geometry(stack), self.p, self.scale)
        kernels.launch(FILE, "lp_pool_backward", threads_for(dx), args)
        return from_stack(dx, x.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With a = x^(p - 1), u the gradient: b · Bᵀ(u a), u a' B(g b), and g b' Bᵀ(u a)."""
        outer, x, y = self.saved(0), self.saved(1), self.saved(2)
        p, windows = self.p, self.windows
        is_seen = y.detach() != 0
        safe = y + cast(~is_seen, dtypes.of(y.array))  # no power of 0 in the graph
        b = masked(safe ** (1 - p) * self.scale, is_seen)
        means = AvgPool(windows, None, False)(grad * x ** (p - 1))
        if p == 1:
            return b * means, zeros_like(x), None
        sums = AvgPoolBackward(windows, None, False, x.array.shape)(outer * b)
        slope = masked(safe ** (-p) * (self.scale * (1 - p)), is_seen)
        return b * means, grad * (x ** (p - 2) * (p - 1)) * sums, outer * slope * means


def _power(x: Array, p: float) -> Array:
    """x ** p; exact and fast for the exponents that one meets, as in the kernel."""
    if p == 2:
        return x * x
    if p in (1, -1):
        return x if p == 1 else 1 / x
    xp = array_module(x)
    return xp.sqrt(x) if p == 0.5 else xp.power(x, x.dtype.type(p))


def _lp_pool(op: str, input: Tensor, rank: int, norm_type: Any, *settings: Any) -> Tensor:
    """The public functions: `settings` are kernel size, stride and ceil mode as the user gave them."""
    kernel, stride, ceil_mode = settings
    windows = windows_over(op, input, rank, kernel, stride, 0, 1, ceil_mode)
    if isinstance(norm_type, bool) or not isinstance(norm_type, (int, float)):
        raise ArgumentTypeError(f"{op}: norm_type must be a number, got {type(norm_type).__name__}")
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError(f"{op}: not for bool; use input.to(gpunn.float32)")
    if math.isinf(norm_type):
        sizes: Tensor = absolute(input)
        return MaxPool(windows, False)(sizes) if norm_type > 0 else -MaxPool(windows, False)(-sizes)
    root = 1.0 / norm_type
    if dtypes.of(input.array).is_floating_point:
        result: Tensor = LPPool(windows, float(norm_type))(input)
        return result
    means = AvgPool(windows, None, True)(input**norm_type)  # integers, rounded as in PyTorch
    return (means * math.prod(windows.kernel)) ** root


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The norm_type-norm of each window of signals (N, C, L) or (C, L); see `lp_pool2d`."""
    return _lp_pool("lp_pool1d", input, 1, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """(Σ x^p)^(1/p) over each window of images (N, C, H, W) or (C, H, W): (N, C, P, Q), with p = norm_type.

    Windows lie as in `max_pool2d`, without padding. A window that `ceil_mode` lets end outside counts as if whole: its
    sum is multiplied by kernel size / elements inside. p = inf is the largest |x|. Where the sum is 0, so is the
    gradient.
    """
    return _lp_pool("lp_pool2d", input, 2, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The norm_type-norm of each window of volumes (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`."""
    return _lp_pool("lp_pool3d", input, 3, norm_type, kernel_size, stride, ceil_mode)
