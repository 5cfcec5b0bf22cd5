"""The normal distribution function, the terms of entropies, and the gamma function of several dimensions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import DtypeError, ShapeError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic import special
from gpunn.ops.arithmetic.elementwise import RoundedOnce, Unary
from gpunn.ops.arithmetic.promotion import floating, only_tensors
from gpunn.ops.arithmetic.special_functions import lgamma
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_int
from gpunn.ops.shape.squeezing import unsqueeze

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SQRT_HALF: Final = math.sqrt(0.5)


class Ndtr(RoundedOnce, Unary):
    wide = True
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        return special.erfc(x * -SQRT_HALF) * 0.5

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("arithmetic/error_function", "ndtr_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return grad * ((x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi)))


class Entr(RoundedOnce, Unary):
    wide = True
    saves: ClassVar = {0: (0,)}

    def compute(self, xp: Any, x: Array) -> Array:
        term = -x * xp.log(xp.where(x > 0, x, xp.ones((), x.dtype)))
        return xp.where(x < 0, xp.asarray(-math.inf, dtype=x.dtype), xp.where(x == 0, xp.zeros((), x.dtype), term))

    def forward_cuda(self, x: Array) -> Array:
        return elementwise.apply("arithmetic/error_function", "entr_forward", (x,))

    def backward(self, grad: Tensor) -> Tensor:
        return -grad * (self.saved(0).log() + 1)


def ndtr(input: Tensor) -> Tensor:
    """The probability that a standard normal number is below x, elementwise: erfc(-x/√2) / 2."""
    return Ndtr()(floating("ndtr", input))


def entr(input: Tensor) -> Tensor:
    """-x log x, elementwise; 0 at 0, and -inf below."""
    return Entr()(floating("entr", input))


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of `p` dimensions: p (p - 1) / 4 log π + Σ log Γ(x - i/2) for i < p.

    Meant for x > (p - 1) / 2. The terms, which may cancel, are added in float64.
    """
    count = one_int("mvlgamma", "p", p)
    if count < 1:
        raise ShapeError(f"mvlgamma: p has to be greater than or equal to 1, got {count}")
    only_tensors("mvlgamma", input)
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError("mvlgamma: The input tensor may not be a boolean tensor; use x.float()")
    x = floating("mvlgamma", input)
    shifts: Tensor = Variable.result_type(array_module(x.array).arange(count) * -0.5)
    terms = lgamma(unsqueeze(cast(x, dtypes.float64), -1) + shifts)
    return cast(terms.sum(-1) + count * (count - 1) / 4 * math.log(math.pi), dtypes.of(x.array))
