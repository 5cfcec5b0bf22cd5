"""Methods of Tensor: the elementwise operations of gpunn/ops/arithmetic, and the operators."""

from __future__ import annotations

from gpunn.engine import Variable
from gpunn.ops.arithmetic.binary import add, mul
from gpunn.tensor.inplace import in_place


class ArithmeticMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    add = add
    add_ = in_place(add)
    mul = mul
    mul_ = in_place(mul)

    __add__ = __radd__ = add
    __mul__ = __rmul__ = mul
    __iadd__ = add_
    __imul__ = mul_
