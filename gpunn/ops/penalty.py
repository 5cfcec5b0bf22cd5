"""Sums of powers over many tensors at once, for penalties on weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.ops.gradients import norm_of
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class PowerSum(Function):
    """Σ |x|^p over all elements of `n` inputs, in their common dtype; p is 1 or 2. Sums are in float64."""

    def __init__(self, p: float, n: int) -> None:
        self.p = p
        self.saves = {i: (i,) for i in range(n)}  # type: ignore[misc]

    def forward(self, *arrays: Array) -> Array:
        norm = norm_of(arrays, self.p).array
        return norm if self.p == 1 else norm * norm

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return tuple([self._slope(grad, i) if need else None for i, need in enumerate(self.needs)])

    def _slope(self, grad: Tensor, i: int) -> Tensor:
        x = self.saved(i)
        grad = cast(grad, dtypes.of(x.array))
        return grad * x.sgn() if self.p == 1 else grad * 2 * x
