"""Public cross-entropy losses: argument checks, class labels and class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes
from gpunn.engine import is_grad_enabled
from gpunn.engine.function import device_mismatch
from gpunn.errors import ArgumentError, DtypeError, GraphError, ShapeError
from gpunn.ops.loss.arguments import must_be_tensors, reduction_name
from gpunn.ops.loss.classification import CrossEntropy, NLLLoss
from gpunn.ops.loss.labels import Labels
from gpunn.ops.loss.soft_targets import SoftCrossEntropy
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_int
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
    _check_scores(op, input, target, weight)
    if target.is_floating_point():
        if ignore_index >= 0:
            raise ArgumentError(f"{op}: ignore_index is not supported for floating point target")
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
    _check_scores("nll_loss", input, target, weight)
    x, labels = _with_labels("nll_loss", input, target, weight, ignore_index, 0.0)
    result: Tensor = NLLLoss(labels, how)(x)
    return result.squeeze(0) if how == "none" and input.ndim == 1 else result


def _of_probabilities(x: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float) -> Tensor:
    """-Σ weight[c] ((1-s) target[c] + s/C) log p[c]; of differentiable operations if more than x needs a gradient."""
    op = "cross_entropy"
    if x.array.shape != target.array.shape:
        raise ShapeError(
            f"{op}: probabilities must have the shape of input, {x.array.shape}, got {target.array.shape}; "
            "labels must be integers: target.long()"
        )
    axis = 0 if x.ndim == 1 else 1
    classes = x.array.shape[axis]
    result_dtype = dtypes.result_type(*[t for t in (x, target, weight) if t is not None])
    others: list[Any] = [target] if weight is None else [target, weight]
    if all(t.dtype is x.dtype and not (t.requires_grad and is_grad_enabled()) for t in others):
        rows: Any = x.unsqueeze(0) if axis == 0 else x
        found: Tensor = SoftCrossEntropy(how, smoothing)(rows, target.unsqueeze(0) if axis == 0 else target, weight)
        return found.squeeze(0) if axis == 0 and how == "none" else found
    if result_dtype.itemsize == 2:  # half types: added up in float32, rounded once
        x, target = cast(x, dtypes.float32), cast(target, dtypes.float32)
    share = target * (1.0 - smoothing) + smoothing / max(classes, 1) if smoothing else target
    if weight is not None:
        share = share * weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    terms = share * log_softmax(x, axis)
    if how == "none":
        return cast(-sum(terms, axis), result_dtype)
    count = x.numel() / classes if classes else 0.0
    return cast(-sum(terms) / count if how == "mean" else -sum(terms), result_dtype)


def _check_scores(op: str, x: Tensor, target: Tensor, weight: Tensor | None) -> None:
    must_be_tensors(op, {"input": x, "target": target} | ({} if weight is None else {"weight": weight}))
    if x.ndim == 0:
        raise ShapeError(f"{op}: input must have a dimension of classes: (C,), (N, C) or (N, C, ...), got ()")
    if not x.is_floating_point():
        raise DtypeError(f"{op}: not implemented for scores of {x.dtype}; use x.float()")
    classes = x.array.shape[0 if x.ndim == 1 else 1]
    if weight is not None and weight.array.shape != (classes,):
        raise ShapeError(
            f"{op}: weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {list(weight.shape)}"
        )


def _with_labels(
    op: str, x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float
) -> tuple[Tensor, Labels]:
    """Scores as (N, C, ...) and labels checked against them."""
    for other in (target, weight):
        if other is not None and backend.device_of(other.array) != backend.device_of(x.array):
            raise device_mismatch(op, x.array, other.array)
    if dtypes.of(target.array).category != dtypes.INTEGER:
        raise DtypeError(f"{op}: expected labels of an integer dtype, got {target.dtype}; use target.long()")
    if weight is not None and weight.array.dtype != x.array.dtype:
        found, wanted = weight.dtype.name, x.dtype.name
        raise DtypeError(f"{op}: expected scalar type {wanted} but found {found} for weight; use weight.to(input)")
    if weight is not None and weight.requires_grad and is_grad_enabled():
        raise GraphError(f"{op}: not differentiable with respect to weight, which must not require a gradient")
    _check_label_shape(op, x.array.shape, target.array.shape)
    if x.ndim == 1:
        x, target = x.unsqueeze(0), target.unsqueeze(0)
    array: Any = None if weight is None else weight.array
    ignored = one_int(op, "ignore_index", ignore_index)
    return x, Labels(op, target.array, x.array.shape[1], array, ignored, smoothing)


def _check_label_shape(op: str, scores: tuple[int, ...], labels: tuple[int, ...]) -> None:
    expected = () if len(scores) == 1 else (scores[0], *scores[2:])
    if scores[min(1, len(scores) - 1)] == 0 and 0 not in labels:
        raise ShapeError(f"{op}: there are labels but no classes: shapes {scores} and {labels}")
    if labels == expected:
        return
    if labels and expected and labels[0] != expected[0]:
        raise ShapeError(
            f"{op}: Expected input batch_size ({scores[0]}) to match target batch_size ({labels[0]}); the shapes "
            f"are {scores} and {labels}"
        )
    raise ShapeError(f"{op}: labels for scores of shape {scores} must have shape {expected}, got {labels}")
