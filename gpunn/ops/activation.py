"""Activations. (sigmoid and tanh are in gpunn/ops/arithmetic.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.arithmetic.elementwise import masked

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ReLU(Function):
    saves_output = True

    def forward(self, x: Array) -> Array:
        return array_module(x).maximum(x, x.dtype.type(0))

    def backward(self, grad: Tensor) -> Tensor:
        y = self.saved_output().array
        return masked(grad, Variable.result_type(~(y <= 0)))  # where y is NaN the gradient passes, as in PyTorch


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
