"""Binary cross-entropy, of probabilities and of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.engine import is_grad_enabled
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic.promotion import broadcast_shape, promoted
from gpunn.ops.loss.arguments import must_be_tensors, reduced, reduction_name, same_shape
from gpunn.ops.loss.formulas import Formula, LogisticLoss, Logits, Probability
from gpunn.ops.loss.pointwise import pointwise
from gpunn.ops.value_range import check_range

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


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
    ArgumentError for other numbers than probabilities; from a GPU when the host next waits for it.
    """
    op = "binary_cross_entropy"
    how = reduction_name(op, reduction, size_average, reduce)
    same_shape(op, input, target)
    if input.array.dtype != target.array.dtype:
        raise DtypeError(f"{op}: Found dtype {target.dtype} of target but expected {input.dtype}; use target.to(input)")
    if not input.is_floating_point():
        raise DtypeError(f"{op}: expected floating dtypes of input and target, got {input.dtype}; use input.float()")
    text = f"{op}: all elements of input should be between 0 and 1"
    check_range(f"{text}; apply sigmoid first, or use {op}_with_logits", input.array, 0.0, 1.0)
    return _weighted(op, Probability(), input, target, how, weight)


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
    x, t = promoted(op, input, target)
    if pos_weight is None or _is_constant(op, x, pos_weight, "pos_weight"):
        return _weighted(op, Logits(), x, t, how, weight, pos_weight)
    loss: Any = LogisticLoss()(x) * ((pos_weight - 1) * t + 1)
    losses = (1 - t) * x + loss
    return reduced(losses if weight is None else losses * weight, how)


def _weighted(
    op: str, formula: Formula, x: Any, t: Any, how: str, weight: Any, pos_weight: Tensor | None = None
) -> Tensor:
    if weight is None or _is_constant(op, x, weight, "weight"):
        return pointwise(formula, x, t, how, weight, pos_weight)
    return reduced(pointwise(formula, x, t, "none", None, pos_weight) * weight, how)


def _is_constant(op: str, x: Any, weight: Any, name: str) -> bool:
    """Whether the fused kernel can take a weight: it needs no gradient, and makes x neither larger nor wider."""
    must_be_tensors(op, {name: weight})
    needs = weight.requires_grad and is_grad_enabled()
    return broadcast_shape(op, x, weight) == x.array.shape and x.array.dtype == weight.array.dtype and not needs
