"""The inverse of the logistic function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.ops.arithmetic.elementwise import RoundedOnce, Unary
from gpunn.ops.arithmetic.promotion import floating
from gpunn.ops.arithmetic.selection import where

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Logit(RoundedOnce, Unary):
    """log(x / (1 - x)); from log1p, so that nothing cancels where it is near 0, at x = 1/2."""

    wide = True
    saves: ClassVar = {0: (0,)}

    def __init__(self, eps: float | None) -> None:
        self.eps = eps

    def compute(self, xp: Any, x: Array) -> Array:
        if self.eps is not None:
            low, high = (x.dtype.type(bound) for bound in (self.eps, 1 - self.eps))
            x = xp.where(x < low, low, xp.where(x > high, high, x))
        upper = xp.log1p((2 * x - 1) / (1 - x))
        return xp.where(x < 0.5, -xp.log1p((1 - 2 * x) / x), upper)

    def backward(self, grad: Tensor) -> Tensor:
        """1 / (x (1 - x)) inside the limits; outside 0, or NaN without `eps`."""
        x, eps = self.saved(0), self.eps or 0.0
        limits = [x.array.dtype.type(bound) for bound in (eps, 1 - eps)]
        inside: Tensor = Variable.result_type((x.array >= limits[0]) & (x.array <= limits[1]))
        return where(inside, grad / (x * (1 - x)), math.nan if self.eps is None else 0.0)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), elementwise: the inverse of sigmoid; NaN outside [0, 1].

    With `eps` the elements are first limited to [eps, 1 - eps], outside of which the gradient is 0.
    """
    return Logit(None if eps is None else float(np.float64(eps)))(floating("logit", input))
