"""Losses of numbers against numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Function
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.arithmetic.power import square
from gpunn.ops.arithmetic.promotion import promoted
from gpunn.ops.arithmetic.sign import abs
from gpunn.ops.loss.arguments import must_be_tensors, reduced, reduction_name, same_shape
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import sum

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MSELoss(Function):
    """mean or sum of (a - b)^2 in one pass, accumulated in float64."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, reduction: str) -> None:
        self.reduction = reduction

    def forward(self, a: Array, b: Array) -> Array:
        d = a - b
        d = widened(d)
        d *= d
        self.scale = 1.0 / d.size if self.reduction == "mean" and d.size else 1.0
        total = d.sum(dtype=np.float64)
        if self.reduction == "mean":
            total = total / d.size if d.size else total * np.nan
        return total.astype(a.dtype)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        d = (self.saved(0) - self.saved(1)) * (grad * (2.0 * self.scale))
        return d if self.needs[0] else None, -d if self.needs[1] else None


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2: its mean over all elements, its sum, or all of them ("none").

    `weight`, of the same shape, multiplies each element; the mean is then divided by the sum of the weights.
    Raises ShapeError unless input and target have the same shape.
    """
    how = reduction_name("mse_loss", reduction, size_average, reduce)
    same_shape("mse_loss", input, target)
    a, b = promoted("mse_loss", input, target)
    if a.array.dtype.kind not in "fV":
        raise DtypeError(f"mse_loss: not implemented for {a.dtype}; use input.float()")
    if weight is not None:
        return _weighted("mse_loss", square(a - b), weight, how)
    if how == "none":
        return square(a - b)
    result: Tensor = MSELoss(how)(a, b)
    return result


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|: its mean over all elements, its sum, or all of them ("none"). See `mse_loss`."""
    how = reduction_name("l1_loss", reduction, size_average, reduce)
    same_shape("l1_loss", input, target)
    if dtypes.bool_ in (input.dtype, target.dtype):
        raise DtypeError("l1_loss: not for bool, which has no differences; use x.float()")
    a, b = promoted("l1_loss", input, target)
    losses = abs(a - b)
    return reduced(losses, how) if weight is None else _weighted("l1_loss", losses, weight, how)


def _weighted(op: str, losses: Tensor, weight: Tensor, how: str) -> Tensor:
    must_be_tensors(op, {"weight": weight})
    if losses.array.shape != weight.array.shape:
        raise ShapeError(
            f"{op}: Weights and input must have the same size, got {weight.array.shape} and {losses.array.shape}"
        )
    weighted = losses * weight
    return sum(weighted) / sum(weight) if how == "mean" else reduced(weighted, how)
