"""Which elements are among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.reduction.sorting import comparable

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class IsIn(Function):
    """Whether each element equals one of `among`: found by bisection in their sorted order. A NaN equals nothing."""

    def __init__(self, common: dtypes.dtype, invert: bool) -> None:
        self.common, self.invert = common.numpy, invert

    def forward(self, x: Array, among: Array) -> Array:
        xp = array_module(x)
        values = comparable(x.astype(self.common, copy=False))
        ranked = xp.sort(comparable(among.astype(self.common, copy=False)).reshape(-1))
        if not ranked.size:
            return xp.full(x.shape, self.invert, bool)
        place = xp.minimum(xp.searchsorted(ranked, values.reshape(-1)), ranked.size - 1).reshape(x.shape)
        return (ranked[place] != values) if self.invert else (ranked[place] == values)


def isin(
    elements: Tensor | float, test_elements: Tensor | float, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each of `elements` equals one of `test_elements`: bool, of the shape of `elements`; or not, if `invert`.

    One of the two may be a number. NaN equals nothing. `assume_unique` changes nothing but PyTorch's way to the result.
    """
    if not isinstance(elements, Variable) and not isinstance(test_elements, Variable):
        raise ArgumentTypeError("isin: expected a Tensor for elements or test_elements, got two numbers")
    common = dtypes.result_type(_checked(elements), _checked(test_elements))
    like: Any = elements if isinstance(elements, Variable) else test_elements
    xp = array_module(like.array)

    def as_tensor(x: Any) -> Any:
        return x if isinstance(x, Variable) else Variable.result_type(xp.full((), x, common.numpy))

    found: Tensor = IsIn(common, bool(invert))(as_tensor(elements), as_tensor(test_elements))
    return found


def _checked(x: Any) -> Any:
    if not isinstance(x, (Variable, int, float, np.generic)):
        raise ArgumentTypeError(f"isin: expected a Tensor or a number, got {type(x).__name__}")
    if isinstance(x, Variable) and dtypes.of(x.array) is dtypes.bool_:
        raise DtypeError("isin: Unsupported input type encountered for isin(): Bool; convert it: x.to(gpunn.uint8)")
    return x
