"""Cross-entropy and negative log-likelihood of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.loss.arguments import reduction_name
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.expand import sum_to_size
from gpunn.ops.softmax import log_softmax, log_softmax_array, softmax, softmax_array

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Labels:
    """Class indices with all that weighs them.

    loss_i = -sum_c share[i, c] log p[i, c], where share is weight[t] (1-s) at the label t and weight[c] s/C
    everywhere (s: label smoothing); rows whose label is ignored have share 0. `divisor` is 1 except for the mean.
    """

    def __init__(self, target: Array, classes: int, weight: Array | None, ignore_index: int, smoothing: float) -> None:
        xp = array_module(target)
        used = target != ignore_index
        bad = used & ((target < 0) | (target >= classes))
        if bool(bad.any()):
            raise _label_error(backend.asnumpy(target), backend.asnumpy(bad), classes)
        self.label = xp.where(used, target, 0).astype(np.int64)  # (N, ...)
        self.all_used = bool(used.all())
        self.used = used
        self.classes = classes
        self.weight = weight  # (C,)
        self.smoothing = smoothing

    def weight_of_label(self, dtype: Any) -> Array:
        """weight[t] of each row, 0 where ignored: (N, ...)."""
        if self.weight is None:
            return self.used.astype(dtype)
        return self.weight[self.label].astype(dtype) * self.used

    def pick(self, x: Array) -> Array:
        """x[i, t_i]: (N, ...) from (N, C, ...)."""
        xp = array_module(x)
        return xp.take_along_axis(x, xp.expand_dims(self.label, 1), axis=1)[:, 0]

    def everywhere(self, dtype: Any, rank: int) -> Array:
        """weight s/C of each class, shaped to broadcast against (N, C, ...)."""
        xp = array_module(self.label)
        weight = xp.ones(self.classes, dtype) if self.weight is None else self.weight.astype(dtype)
        return (weight * (self.smoothing / self.classes)).reshape(1, -1, *(1,) * (rank - 2))

    def share(self, dtype: Any, rank: int) -> Array:
        """The full table of shares: (N, C, ...)."""
        xp = array_module(self.label)
        classes = xp.arange(self.classes).reshape(1, -1, *(1,) * (rank - 2))
        label = xp.expand_dims(self.label, 1)
        at_label = (classes == label) * xp.expand_dims(self.weight_of_label(dtype), 1)
        smooth = self.everywhere(dtype, rank) * xp.expand_dims(self.used, 1)
        return (at_label * (1 - self.smoothing) + smooth).astype(dtype)


def _label_error(target: Any, bad: Any, classes: int) -> IndexRangeError:
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    place = where[0] if len(where) == 1 else where
    return IndexRangeError(
        f"cross_entropy: Target {int(target[where])} is out of bounds: at position {place} of the batch, "
        f"for {classes} classes, which are numbered 0 to {classes - 1}"
    )


class NLLLoss(Function):
    """-sum share * logp for class labels; backward scatters the shares."""

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels, self.reduction = labels, reduction

    def forward(self, logp: Array) -> Array:
        loss, self.divisor = _loss_of(logp, self.labels, self.reduction)
        self.rank, self.shape = logp.ndim, logp.shape
        return loss.astype(logp.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        share = Variable.result_type(self.labels.share(grad.array.dtype, self.rank))
        return -share * _over(grad, self.divisor, self.reduction)


class CrossEntropy(Function):
    """log_softmax and nll_loss in one: only the logits are kept for backward."""

    saves = {0: (0,)}

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels, self.reduction = labels, reduction

    def forward(self, x: Array) -> Array:
        loss, self.divisor = _loss_of(log_softmax_array(x, 1), self.labels, self.reduction)
        return loss.astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = CrossEntropyBackward(self.labels, self.divisor, self.reduction)(grad, self.saved(0))
        return result


class CrossEntropyBackward(Function):
    """(softmax(x) * sum_c share - share) * grad / divisor."""

    saves = {0: (0, 1), 1: (0, 1)}

    def __init__(self, labels: Labels, divisor: Any, reduction: str) -> None:
        self.labels, self.divisor, self.reduction = labels, divisor, reduction

    def forward(self, grad: Array, x: Array) -> Array:
        xp = array_module(x)
        labels, smoothing = self.labels, self.labels.smoothing
        dx = softmax_array(x, 1)
        at_label = labels.weight_of_label(dx.dtype) * dx.dtype.type(1 - smoothing)
        total = at_label
        if smoothing:
            everywhere = labels.everywhere(dx.dtype, x.ndim)
            total = total + everywhere.sum() * labels.used
        if labels.weight is not None or smoothing or not labels.all_used:
            dx *= xp.expand_dims(total, 1)
        place = xp.expand_dims(labels.label, 1)
        xp.put_along_axis(dx, place, xp.take_along_axis(dx, place, axis=1) - xp.expand_dims(at_label, 1), axis=1)
        if smoothing:
            dx -= everywhere * xp.expand_dims(labels.used, 1)
        scale = grad.astype(dx.dtype) / self.divisor
        dx *= scale if self.reduction != "none" else xp.expand_dims(scale, 1)
        return dx.astype(x.dtype, copy=False)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        grad, x = self.saved(0), self.saved(1)
        share = Variable.result_type(self.labels.share(x.array.dtype, x.array.ndim))
        total = sum(share, 1, True)
        p = softmax(x, 1)
        scale = _over(grad, self.divisor, self.reduction)
        inner = _over_rows((p * total - share) * gg / self.divisor, grad.array.shape, self.reduction)
        weighted = gg * total * scale * p
        return inner if self.needs[0] else None, weighted - p * sum(weighted, 1, True) if self.needs[1] else None


def _loss_of(logp: Array, labels: Labels, reduction: str) -> tuple[Array, Any]:
    """The loss and what the mean was divided by."""
    weight = labels.weight_of_label(logp.dtype)
    losses = -labels.pick(logp) * weight
    if labels.smoothing:
        smooth = -(logp * labels.everywhere(logp.dtype, logp.ndim)).sum(axis=1)
        losses = losses * (1 - labels.smoothing) + smooth * labels.used
    if not labels.all_used:
        losses = array_module(logp).where(labels.used, losses, 0)  # -inf logits in an ignored row
    if reduction == "none":
        return losses, 1.0
    total = losses.sum(dtype=np.float64)
    if reduction == "sum":
        return total, 1.0
    divisor = weight.sum(dtype=np.float64)
    return total / divisor, divisor.astype(logp.dtype)


def _over(grad: Tensor, divisor: Any, reduction: str) -> Tensor:
    """grad / divisor, shaped to broadcast against (N, C, ...)."""
    if reduction == "none":
        return grad.unsqueeze(1)
    return grad if isinstance(divisor, float) else grad / Variable.result_type(backend.as_array(divisor))


def _over_rows(x: Tensor, shape: tuple[int, ...], reduction: str) -> Tensor:
    """x, (N, C, ...), summed to the shape of the loss."""
    return sum(x, 1) if reduction == "none" else sum_to_size(x, shape)
