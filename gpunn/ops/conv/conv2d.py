"""Convolution of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.conv.geometry import Geometry, convolution
from gpunn.ops.conv.products import CPU, GPU, input_gradient, output, weight_gradient
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.squeezing import squeeze, unsqueeze

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Conv2d(Function):
    """The output y, from input x, weight w and bias or None."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry) -> None:
        self.geo = geo

    def forward_numpy(self, x: Array, w: Array, bias: Array | None) -> Array:
        return output(x, w, bias, self.geo, CPU)

    def forward_cuda(self, x: Array, w: Array, bias: Array | None) -> Array:
        return output(x, w, bias, self.geo, GPU)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        axes = (0, *range(2, grad.array.ndim))
        return (
            Conv2dBackwardInput(self.geo)(grad, self.saved(1)) if self.needs[0] else None,
            Conv2dBackwardWeight(self.geo)(grad, self.saved(0)) if self.needs[1] else None,
            sum(grad, axes) if self.needs[2] else None,
        )


class Conv2dBackwardInput(Function):
    """dx, from dy and w."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry) -> None:
        self.geo = geo

    def forward_numpy(self, grad: Array, w: Array) -> Array:
        return input_gradient(grad, w, self.geo, CPU)

    def forward_cuda(self, grad: Array, w: Array) -> Array:
        return input_gradient(grad, w, self.geo, GPU)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Conv2d(self.geo)(grad, self.saved(1), None) if self.needs[0] else None,
            Conv2dBackwardWeight(self.geo)(self.saved(0), grad) if self.needs[1] else None,
        )


class Conv2dBackwardWeight(Function):
    """dw, from dy and x."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry) -> None:
        self.geo = geo

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        return weight_gradient(grad, x, self.geo, CPU)

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return weight_gradient(grad, x, self.geo, GPU)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Conv2d(self.geo)(self.saved(1), grad, None) if self.needs[0] else None,
            Conv2dBackwardInput(self.geo)(self.saved(0), grad) if self.needs[1] else None,
        )


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images (N, C, H, W) with `weight` (K, C / groups, R, S), plus `bias` (K,): (N, K, P, Q).

    y[n, k, p, q] = bias[k] + Σ_{c,r,s} weight[k, c, r, s] · x[n, c, p · stride - padding + r · dilation, …], with zeros
    outside the image, P = (H + 2 padding - dilation (R - 1) - 1) // stride + 1, and Q likewise. Images may come without
    N. Channels and weights are split into `groups`, which see nothing of each other.

    `stride`, `padding` and `dilation` are numbers or pairs (height, width). `padding` may be "valid" (none), "same"
    (P = H; an odd zero goes behind) or "full" (all windows with an element of the image; gpunn's own).

    Memory format follows the data: with input or weight in channels_last, the output is. float16 and bfloat16 are
    computed in float32 and rounded once.
    """
    check_tensors("conv2d", input, weight, bias)
    geo = convolution("conv2d", input.array, weight.array, bias, (stride, padding, dilation, groups), 2)
    if input.array.ndim == 4:
        result: Tensor = Conv2d(geo)(input, weight, bias)
        return result
    return squeeze(Conv2d(geo)(unsqueeze(input, 0), weight, bias), 0)


def check_tensors(op: str, input: Any, weight: Any, bias: Any) -> None:
    """Raise unless these are tensors (bias: or None) of one dtype, which is not bool."""
    given = {"input": input, "weight": weight, "bias": bias}
    if bias is None:
        del given["bias"]
    for name, x in given.items():
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
        if x.array.dtype != input.array.dtype:
            raise DtypeError(
                f"{op}: Input type ({dtypes.of(input.array)}) and {name} type ({dtypes.of(x.array)}) should be the same"
            )
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError(f"{op}: not for bool; use input.to(gpunn.float32)")
