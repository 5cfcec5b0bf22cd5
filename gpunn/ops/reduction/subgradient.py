"""The gradient that is chosen where a function has a kink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.engine import Variable
from gpunn.ops.arithmetic.elementwise import masked

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0, also in every derivative. `b` has the dtype of `a`."""
    zero = b.array == 0
    return masked(a, Variable.result_type(~zero)) / (b + Variable.result_type(zero))
