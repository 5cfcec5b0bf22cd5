"""prelu: relu with a slope for negative numbers that is learned, one for all or one for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.activation.channels import Channels, others, spread
from gpunn.ops.activation.pointwise import checked
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.reduction.accumulate import accumulated, widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class PReLU(Function):
    """x where it is positive, else weight · x, with a weight for each place of dimension `dim`, or one for all."""

    saves: ClassVar = {0: (0, 1), 1: (0,)}

    def __init__(self, dim: int | None) -> None:
        self.dim = dim

    def forward_numpy(self, x: Array, weight: Array) -> Array:
        self.shape = weight.shape
        wide = widened(x)
        y = array_module(x).where(wide > 0, wide, wide * spread(widened(weight), x.ndim, self.dim))
        return y.astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array, weight: Array) -> Array:
        self.shape = weight.shape
        return Channels(x, self.dim).mapped("activation/prelu", "prelu_forward", (x,), weight)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = self.saved(0)
        to_x = PReLUBackward(self.dim)(grad, x, self.saved(1)) if self.needs[0] else None
        return to_x, PReLUWeightBackward(self.dim, self.shape)(grad, x) if self.needs[1] else None


class PReLUBackward(Function):
    """g where x > 0, else weight · g."""

    saves: ClassVar = {0: (2,), 1: (0, 2), 2: (0,)}

    def __init__(self, dim: int | None) -> None:
        self.dim = dim

    def forward_numpy(self, grad: Array, x: Array, weight: Array) -> Array:
        self.shape = weight.shape
        wide = widened(grad)
        dx = array_module(x).where(x > 0, wide, wide * spread(widened(weight), x.ndim, self.dim))
        return dx.astype(grad.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array, weight: Array) -> Array:
        self.shape = weight.shape
        return Channels(x, self.dim).mapped("activation/prelu", "prelu_backward", (grad, x), weight)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = self.saved(1)
        to_grad = PReLUBackward(self.dim)(grad, x, self.saved(2)) if self.needs[0] else None
        to_weight = None
        if self.needs[2]:
            to_weight = masked(grad * self.saved(0), x <= 0).sum(others(x.ndim, self.dim)).reshape(self.shape)
        return to_grad, None, to_weight


class PReLUWeightBackward(Function):
    """For each weight the sum of g · x where x <= 0."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, dim: int | None, shape: tuple[int, ...]) -> None:
        self.dim, self.shape = dim, shape

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        terms = array_module(x).where(x > 0, 0, widened(grad) * widened(x))
        return accumulated(terms, others(x.ndim, self.dim)).astype(x.dtype).reshape(self.shape)

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return Channels(x, self.dim).summed("Negative", grad, x).reshape(self.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = self.saved(1)
        wide = grad.reshape([-1 if axis == self.dim else 1 for axis in range(x.ndim)])
        to_grad = wide * masked(x, x <= 0) if self.needs[0] else None
        return to_grad, wide * masked(self.saved(0), x <= 0) if self.needs[1] else None


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, else weight · input, elementwise.

    `weight` holds one number, or one for each channel, dimension 1 of `input`. Source: He et al., Delving deep into
    rectifiers, ICCV 2015.
    """
    x, w = checked("prelu", input), checked("prelu", weight)
    if x.dtype is not w.dtype or not x.is_floating_point():
        raise DtypeError(f"prelu: Type promoting not supported. Got {x.dtype} and {w.dtype}; use weight.to(x.dtype)")
    if w.array.ndim > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.array.ndim}")
    dim = None
    if w.array.size != 1:
        if x.array.ndim == 0:
            raise ShapeError("prelu: Not allow zero-dim input tensor.")
        channels = x.array.shape[1] if x.array.ndim > 1 else 1
        if channels != w.array.size:
            raise ShapeError(
                "prelu: Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w.array.size} and channel size = {channels}."
            )
        dim = 1
    result: Tensor = PReLU(dim)(x, w)
    return result
