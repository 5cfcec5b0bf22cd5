"""Methods of Tensor: comparisons, logic and bits, and their operators."""

from __future__ import annotations

from gpunn.engine import Variable
from gpunn.ops.arithmetic import comparison, logical
from gpunn.ops.inplace import in_place
from gpunn.tensor.arithmetic import operator, reflected


class ComparisonMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    eq = comparison.eq
    eq_ = in_place(comparison.eq)
    ne = not_equal = comparison.ne
    ne_ = not_equal_ = in_place(comparison.ne)
    lt = less = comparison.lt
    lt_ = less_ = in_place(comparison.lt)
    le = less_equal = comparison.le
    le_ = less_equal_ = in_place(comparison.le)
    gt = greater = comparison.gt
    gt_ = greater_ = in_place(comparison.gt)
    ge = greater_equal = comparison.ge
    ge_ = greater_equal_ = in_place(comparison.ge)
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    isposinf = comparison.isposinf
    isneginf = comparison.isneginf
    isclose = comparison.isclose
    allclose = comparison.allclose
    equal = comparison.equal

    logical_and = logical.logical_and
    logical_and_ = in_place(logical.logical_and)
    logical_or = logical.logical_or
    logical_or_ = in_place(logical.logical_or)
    logical_xor = logical.logical_xor
    logical_xor_ = in_place(logical.logical_xor)
    logical_not = logical.logical_not
    logical_not_ = in_place(logical.logical_not)
    bitwise_and = logical.bitwise_and
    bitwise_and_ = in_place(logical.bitwise_and)
    bitwise_or = logical.bitwise_or
    bitwise_or_ = in_place(logical.bitwise_or)
    bitwise_xor = logical.bitwise_xor
    bitwise_xor_ = in_place(logical.bitwise_xor)
    bitwise_not = logical.bitwise_not
    bitwise_not_ = in_place(logical.bitwise_not)
    bitwise_left_shift = logical.bitwise_left_shift
    bitwise_left_shift_ = in_place(logical.bitwise_left_shift)
    bitwise_right_shift = logical.bitwise_right_shift
    bitwise_right_shift_ = in_place(logical.bitwise_right_shift)

    __eq__ = operator(comparison.eq)
    __ne__ = operator(comparison.ne)
    __lt__ = operator(comparison.lt)
    __le__ = operator(comparison.le)
    __gt__ = operator(comparison.gt)
    __ge__ = operator(comparison.ge)

    __and__ = __rand__ = operator(logical.bitwise_and)
    __or__ = __ror__ = operator(logical.bitwise_or)
    __xor__ = __rxor__ = operator(logical.bitwise_xor)
    __lshift__ = operator(logical.bitwise_left_shift)
    __rlshift__ = reflected(logical.bitwise_left_shift)
    __rshift__ = operator(logical.bitwise_right_shift)
    __rrshift__ = reflected(logical.bitwise_right_shift)
    __invert__ = logical.bitwise_not

    __iand__ = bitwise_and_
    __ior__ = bitwise_or_
    __ixor__ = bitwise_xor_
    __ilshift__ = bitwise_left_shift_
    __irshift__ = bitwise_right_shift_
