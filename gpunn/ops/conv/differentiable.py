"""The three products of a convolution as nodes of the graph. The derivatives of each are the other two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.ops.activation.piecewise import ReLU, ReLUBackward, relu_in_place
from gpunn.ops.conv import products
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.conv.kernels import input_gradient, output, weight_gradient
from gpunn.ops.conv.products import CPU, GPU
from gpunn.ops.reduction.sums import Sum
from gpunn.ops.shape.conversion import is_channels_last

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Convolution(Function):
    """The output y, from input x, weight w and bias or None."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry) -> None:
        self.geo = geo

    def forward_numpy(self, x: Array, w: Array, bias: Array | None) -> Array:
        self.w_last = is_channels_last(w)
        return products.output(x, w, bias, self.geo, CPU)

    def forward_cuda(self, x: Array, w: Array, bias: Array | None) -> Array:
        self.w_last = is_channels_last(w)
        if x.dtype.kind in "iu":  # rare: no kernel
            return products.output(x, w, bias, self.geo, GPU)
        return output(x, w, bias, self.geo)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            ConvolutionTransposed(self.geo)(grad, self.saved(1), None) if self.needs[0] else None,
            ConvolutionWeight(self.geo, self.w_last)(grad, self.saved(0)) if self.needs[1] else None,
            _bias_gradient(grad) if self.needs[2] else None,
        )


class ConvolutionReLU(Convolution):
    """max(y, 0), y the output of a convolution. Backward needs the result only."""

    saves_output = True

    def forward_numpy(self, x: Array, w: Array, bias: Array | None) -> Array:
        return relu_in_place(super().forward_numpy(x, w, bias))

    def forward_cuda(self, x: Array, w: Array, bias: Array | None) -> Array:
        self.w_last = is_channels_last(w)
        return output(x, w, bias, self.geo, relu=True)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return super().backward(ReLUBackward()(grad, self.saved_output()))


ConvolutionReLU.__name__ = ReLU.__name__  # what programs print of the result of a ReLU


class ConvolutionTransposed(Function):
    """dx, from dy and w, plus bias or None: the gradient of the input, or the output of a transposed convolution."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry) -> None:
        self.geo = geo

    def forward_numpy(self, grad: Array, w: Array, bias: Array | None) -> Array:
        self.w_last = is_channels_last(w)
        return products.input_gradient(grad, w, bias, self.geo, CPU)

    def forward_cuda(self, grad: Array, w: Array, bias: Array | None) -> Array:
        self.w_last = is_channels_last(w)
        if grad.dtype.kind in "iu":  # rare: no kernel
            return products.input_gradient(grad, w, bias, self.geo, GPU)
        return input_gradient(grad, w, bias, self.geo)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Convolution(self.geo)(grad, self.saved(1), None) if self.needs[0] else None,
            ConvolutionWeight(self.geo, self.w_last)(self.saved(0), grad) if self.needs[1] else None,
            _bias_gradient(grad) if self.needs[2] else None,
        )


class ConvolutionWeight(Function):
    """dw, from dy and x; with channels last if `w_last`."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, geo: Geometry, w_last: bool) -> None:
        self.geo, self.w_last = geo, w_last

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        return products.weight_gradient(grad, x, self.geo, CPU)

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return weight_gradient(grad, x, self.geo, self.w_last)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Convolution(self.geo)(self.saved(1), grad, None) if self.needs[0] else None,
            ConvolutionTransposed(self.geo)(self.saved(0), grad, None) if self.needs[1] else None,
        )


def _bias_gradient(grad: Any) -> Any:
    return Sum((0, *range(2, grad.array.ndim)), keepdim=False)(grad)
