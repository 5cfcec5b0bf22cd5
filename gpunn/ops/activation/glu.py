"""glu: one half of a dimension, times the sigmoid of the other half."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import DtypeError, ShapeError
from gpunn.kernels.elementwise import memory_order
from gpunn.ops.activation.channels import turned
from gpunn.ops.activation.pointwise import checked
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.splitting import chunk

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class GLU(Function):
    saves: ClassVar = {0: (0,)}

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward_numpy(self, x: Array) -> Array:
        xp = array_module(x)
        a, b = xp.split(widened(x), 2, axis=self.dim)
        return (a / (1 + xp.exp(-b))).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        xp, order = array_module(x), _Order(x, self.dim)
        y = xp.empty(order.half_shape, x.dtype)
        kernels.launch("activation/glu", "glu_forward", y.size, (y, turned(x, order.axes), order.half, y.size))
        return y.transpose(order.back)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = GLUBackward(self.dim)(grad, self.saved(0))
        return result


class GLUBackward(Function):
    """(g s, g a s (1 - s)), s = sigmoid(b), side by side along the dimension of the halves a and b."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        xp = array_module(x)
        a, b = xp.split(widened(x), 2, axis=self.dim)
        s = 1 / (1 + xp.exp(-b))
        g = widened(grad)
        return xp.concatenate([g * s, g * a * ((1 - s) * s)], axis=self.dim).astype(x.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        xp, order = array_module(x), _Order(x, self.dim)
        at, dy = turned(x, order.axes), turned(grad, order.axes)
        dx = xp.empty(at.shape, x.dtype)
        kernels.launch("activation/glu", "glu_backward", dy.size, (dx, dy, at, order.half, dy.size))
        return dx.transpose(order.back)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, b = chunk(self.saved(1), 2, self.dim)
        u, v = chunk(grad, 2, self.dim)
        s = b.sigmoid()
        slope = s * (1 - s)
        to_grad = u * s + v * a * slope if self.needs[0] else None
        if not self.needs[1]:
            return to_grad, None
        g = self.saved(0)
        return to_grad, cat([v * g * slope, g * slope * (u + v * a * (1 - 2 * s))], self.dim)


class _Order:
    """The order of an array in memory, the shape of one half in it, and how many elements of a half lie together."""

    def __init__(self, x: Array, dim: int) -> None:
        self.axes = memory_order(x)
        self.back = sorted(range(x.ndim), key=self.axes.__getitem__)
        self.half_shape = [x.shape[axis] // (2 if axis == dim else 1) for axis in self.axes]
        self.half = math.prod(self.half_shape[self.axes.index(dim) :])


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), where a and b are the halves of `input` along `dim`. Source: Dauphin et al., ICML 2017."""
    x = checked("glu", input)
    if x.array.ndim == 0:
        raise ShapeError("glu does not support 0-dimensional tensors")
    axis = one_dim("glu", dim, x.array.ndim)
    if x.array.shape[axis] % 2:
        raise ShapeError(f"glu: Halving dimension must be even, but dimension {axis} is size {x.array.shape[axis]}")
    if not x.is_floating_point():
        raise DtypeError(f"glu: expected a floating dtype, got {x.dtype}; use x.to(gpunn.float32)")
    result: Tensor = GLU(axis)(x)
    return result
