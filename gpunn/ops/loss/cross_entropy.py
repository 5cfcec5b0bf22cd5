"""Public cross-entropy losses: argument checks, class labels and class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.loss.arguments import reduction_name
from gpunn.ops.loss.classification import CrossEntropy, Labels, NLLLoss
from gpunn.ops.reduction.sums import sum
from gpunn.ops.softmax import log_softmax

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target]: the loss of unnormalised scores against class labels or probabilities.

    Args:
        input: scores (C,), (N, C) or (N, C, d1, ...); not yet softmax-ed.
        target: labels in [0, C) of shape (), (N,) or (N, d1, ...), or probabilities of the shape of `input`.
        weight: (C,), one for each class; the mean is then divided by the sum of the weights of the labels.
        ignore_index: this label counts for nothing (labels only).
        label_smoothing: s in [0, 1]: the target becomes (1 - s) target + s / C. Szegedy et al. 2016.

    Raises ShapeError, and IndexRangeError for a label outside [0, C).
    """
    op = "cross_entropy"
    how = reduction_name(op, reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{op}: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_scores(op, input, weight)
    if target.is_floating_point():
        return _of_probabilities(input, target, weight, how, label_smoothing)
    x, labels = _with_labels(op, input, target, weight, ignore_index, label_smoothing)
    result: Tensor = CrossEntropy(labels, how)(x)
    return result.squeeze(0) if how == "none" and input.ndim == 1 else result


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target], weighted: the loss of log-probabilities against class labels. See `cross_entropy`."""
    how = reduction_name("nll_loss", reduction, size_average, reduce)
    _check_scores("nll_loss", input, weight)
    x, labels = _with_labels("nll_loss", input, target, weight, ignore_index, 0.0)
    result: Tensor = NLLLoss(labels, how)(x)
    return result.squeeze(0) if how == "none" and input.ndim == 1 else result


def _of_probabilities(x: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float) -> Tensor:
    op = "cross_entropy"
    if x.array.shape != target.array.shape:
        raise ShapeError(
            f"{op}: probabilities must have the shape of input, {tuple(x.shape)}, got {tuple(target.shape)}; "
            "labels must be integers: target.long()"
        )
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    share = target * (1.0 - smoothing) + smoothing / classes if smoothing else target
    if weight is not None:
        share = share * weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    losses = -sum(share * log_softmax(x, axis), axis)
    if how == "none":
        return losses
    total = sum(losses)
    return total / max(x.numel() // max(classes, 1), 0) if how == "mean" and x.numel() else total


def _check_scores(op: str, x: Tensor, weight: Tensor | None) -> None:
    if x.ndim == 0:
        raise ShapeError(f"{op}: input must have a dimension of classes: (C,), (N, C) or (N, C, d1, ...), got ()")
    if not x.is_floating_point():
        raise DtypeError(f"{op}: input must be floating scores, got {x.dtype}; use x.float()")
    classes = x.shape[0 if x.ndim == 1 else 1]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"{op}: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if weight is not None and weight.array.dtype != x.array.dtype:
        raise DtypeError(f"{op}: expected scalar type {x.dtype} of weight but found {weight.dtype}; use weight.to(x)")


def _with_labels(
    op: str, x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float
) -> tuple[Tensor, Labels]:
    """Scores as (N, C, ...) and labels checked against them."""
    if target.is_floating_point() or str(target.dtype) == "gpunn.bool":
        raise DtypeError(f"{op}: expected labels of an integer dtype, got {target.dtype}; use target.long()")
    if x.ndim == 1:
        if target.ndim != 0 and tuple(target.shape) != (1,):
            raise ShapeError(f"{op}: input (C,) = {tuple(x.shape)} takes one label, got shape {tuple(target.shape)}")
        x, target = x.unsqueeze(0), target.reshape(1)
    expected = (x.shape[0], *x.shape[2:])
    if tuple(target.shape) != expected:
        if target.ndim and target.shape[0] != x.shape[0]:
            raise ShapeError(
                f"{op}: Expected input batch_size ({x.shape[0]}) to match target batch_size ({target.shape[0]}); "
                f"the shapes are {tuple(x.shape)} and {tuple(target.shape)}"
            )
        raise ShapeError(
            f"{op}: labels for scores (N, C, ...) = {tuple(x.shape)} must have shape {expected}, "
            f"got {tuple(target.shape)}"
        )
    array: Any = None if weight is None else weight.array
    return x, Labels(target.array, x.shape[1], array, ignore_index, smoothing)
