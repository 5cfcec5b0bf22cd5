"""Activations. (sigmoid and tanh are in gpunn/ops/arithmetic.)"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import masked_array

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ReLU(Function):
    saves_output = True

    def forward_numpy(self, x: Array) -> Array:
        return array_module(x).maximum(x, x.dtype.type(0))

    def forward_cuda(self, x: Array) -> Array:
        if x.dtype.kind in "iu":  # rare: no kernel
            return self.forward_numpy(x)
        return elementwise.apply("activation", "relu_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = ReLUBackward()(grad, self.saved_output())
        return result


class ReLUBackward(Function):
    """g where y > 0 or NaN, else 0, with y = relu(x); NaN as in PyTorch."""

    saves: ClassVar = {1: (0,)}

    def forward_numpy(self, grad: Array, y: Array) -> Array:
        return masked_array(grad, ~(y <= 0))

    def forward_cuda(self, grad: Array, y: Array) -> Array:
        return elementwise.apply("activation", "relu_backward", (grad, y))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return ReLUBackward()(grad, self.saved(1)) if self.needs[0] else None, None


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise. The gradient at 0 is 0. `inplace` writes the result into `input`."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"relu: expected a Tensor, got {type(input).__name__}")
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError("relu: Boolean inputs not supported for relu; use x.to(gpunn.float32)")
    return relu_(input) if inplace else ReLU()(input)


def relu_(input: Tensor) -> Tensor:
    """max(input, 0), elementwise, written into `input`; returns it."""
    return input.relu_()
