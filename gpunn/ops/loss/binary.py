"""Binary cross-entropy, of probabilities and of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.arithmetic.promotion import broadcast_shape
from gpunn.ops.loss.arguments import must_be_tensors, reduced, reduction_name, same_shape
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class BinaryCrossEntropy(Function):
    """-(t log p + (1-t) log(1-p)), with logarithms no smaller than -100."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def forward(self, p: Array, t: Array) -> Array:
        xp = array_module(p)
        wide, target = widened(p), widened(t)
        loss = (target - 1) * xp.maximum(xp.log1p(-wide), -100.0) - target * xp.maximum(xp.log(wide), -100.0)
        return loss.astype(p.dtype, copy=False)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        p, t = self.saved(0), self.saved(1)
        dp = grad * (p - t) / (p * (1.0 - p)).clamp(min=1e-12) if self.needs[0] else None
        dt = grad * ((-p).log1p().clamp(min=-100.0) - p.log().clamp(min=-100.0)) if self.needs[1] else None
        return dp, dt


class LogisticLoss(Function):
    """log(1 + exp(-x)) = max(-x, 0) + log1p(exp(-|x|))."""

    saves: ClassVar = {0: (0,)}

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        wide = widened(x)
        loss = xp.maximum(-wide, wide.dtype.type(0)) + xp.log1p(xp.exp(-xp.abs(wide)))
        return loss.astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        x = self.saved(0)
        return -grad * (-x).sigmoid()


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities `input` in [0, 1].

    `weight` broadcasts to the shape of the others. Prefer `binary_cross_entropy_with_logits`: it cannot overflow.
    """
    op = "binary_cross_entropy"
    how = reduction_name(op, reduction, size_average, reduce)
    same_shape(op, input, target)
    if input.array.dtype != target.array.dtype:
        raise DtypeError(f"{op}: Found dtype {target.dtype} of target but expected {input.dtype}; use target.to(input)")
    if input.array.size and not bool(((input.array >= 0) & (input.array <= 1)).all()):
        raise ArgumentError(
            f"{op}: all elements of input should be between 0 and 1; apply sigmoid first, or use "
            "binary_cross_entropy_with_logits"
        )
    losses: Any = BinaryCrossEntropy()(input, target)
    return reduced(_times(op, losses, weight), how)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy(sigmoid(input), target), computed without overflow.

    `pos_weight` multiplies the loss of positive targets: (1 - t) x + (1 + (pos_weight - 1) t) log(1 + exp(-x)).
    """
    op = "binary_cross_entropy_with_logits"
    how = reduction_name(op, reduction, size_average, reduce)
    same_shape(op, input, target)
    for x in (input, target):
        if not x.is_floating_point():
            raise DtypeError(f"{op}: expected floating dtypes of input and target, got {x.dtype}; use x.float()")
    loss: Any = LogisticLoss()(input)
    if pos_weight is not None:
        broadcast_shape(op, input, pos_weight)
        loss = loss * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * input + loss
    return reduced(_times(op, losses, weight), how)


def _times(op: str, losses: Any, weight: Tensor | None) -> Tensor:
    if weight is None:
        return losses
    must_be_tensors(op, {"weight": weight})
    broadcast_shape(op, losses, weight)
    return losses * weight
