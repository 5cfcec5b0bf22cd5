"""Dropout: in training, each element is zeroed with probability p and the others are scaled by 1/(1-p)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import random
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MaskedScale(Function):
    """scale · x where the mask is set, else 0."""

    def __init__(self, mask: Array, scale: float) -> None:
        self.scale = scale
        self.mask: Array | None = mask  # until forward

    def forward(self, x: Array) -> Array:
        self.kept, self.mask = self.mask, None
        y = widened(x) * self.kept
        y *= self.scale
        return y.astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = MaskedScale(self.kept, self.scale)(grad)
        return result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` with each element zeroed with probability `p`, the others divided by 1 - p; in eval, `input`.

    The mask comes from the default generator: the same on every device. Srivastava et al. 2014.
    """
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"dropout: expected a Tensor, got {type(input).__name__}")
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    if not input.is_floating_point():
        raise DtypeError(f"dropout: expected a floating dtype, got {input.dtype}; use x.float()")
    x = input.array
    mask = random.bernoulli(array_module(x), random.default_generator, x.shape, 1.0 - p)
    result: Tensor = MaskedScale(mask, 0.0 if p == 1.0 else 1.0 / (1.0 - p))(input)
    return input.copy_(result) if inplace else result
