"""Cross-entropy and negative log-likelihood of class labels, and their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import IndexRangeError
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import sum
from gpunn.ops.softmax import log_softmax_array, softmax, softmax_array

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Labels:
    """Class labels with all that weighs them, for scores x of shape (N, C, ...).

    loss_i = -Σ_c share[i, c] log p[i, c], where share is weight[c] s/C everywhere (s: label smoothing) and weight[t]
    (1-s) more at the label t. Rows whose label is ignored have share 0. The mean is divided by Σ_i weight[t_i].
    """

    def __init__(
        self, op: str, target: Array, classes: int, weight: Array | None, ignore_index: int, smoothing: float
    ) -> None:
        xp = array_module(target)
        self.used = target != ignore_index  # (N, ...)
        wrong = self.used & ((target < 0) | (target >= classes))
        if bool(wrong.any()):
            raise _label_error(op, backend.asnumpy(target), backend.asnumpy(wrong), classes)
        self.label = xp.where(self.used, target, 0).astype(np.int64)  # (N, ...)
        self.all_used = bool(self.used.all())
        self.classes, self.weight, self.smoothing = classes, weight, smoothing

    def weight_of_label(self, dtype: Any) -> Array:
        """weight[t], 0 where ignored: (N, ...)."""
        if self.weight is None:
            return self.used.astype(dtype)
        return self.weight[self.label].astype(dtype) * self.used

    def everywhere(self, dtype: Any, rank: int) -> Array:
        """weight s/C of each class: (1, C, 1, ...)."""
        xp = array_module(self.label)
        weight = xp.ones(self.classes, dtype) if self.weight is None else self.weight.astype(dtype)
        return (weight * (self.smoothing / self.classes)).reshape(1, -1, *(1,) * (rank - 2))

    def pick(self, x: Array) -> Array:
        """x[i, t_i]: (N, ...) from (N, C, ...)."""
        xp = array_module(x)
        return xp.take_along_axis(x, xp.expand_dims(self.label, 1), axis=1)[:, 0]

    def add(self, x: Array, y: Array) -> None:
        """x[i, t_i] += y_i, in place."""
        xp = array_module(x)
        place = xp.expand_dims(self.label, 1)
        xp.put_along_axis(x, place, xp.take_along_axis(x, place, axis=1) + xp.expand_dims(y, 1), axis=1)

    def share(self, dtype: Any, shape: tuple[int, ...]) -> Array:
        """The table of shares: (N, C, ...) = `shape`."""
        xp = array_module(self.label)
        table = xp.zeros(shape, dtype)
        if self.smoothing:
            table += self.everywhere(dtype, len(shape)) * xp.expand_dims(self.used, 1)
        self.add(table, self.weight_of_label(dtype) * dtype.type(1 - self.smoothing))
        return table

    def loss(self, logp: Array, reduction: str) -> Array:
        """The loss of the log-probabilities `logp`, (N, C, ...), which are at least float32; sums are in float64."""
        losses = -self.pick(logp) * self.weight_of_label(logp.dtype)
        if self.smoothing:
            smooth = -(logp * self.everywhere(logp.dtype, logp.ndim)).sum(axis=1)
            losses = losses * (1 - self.smoothing) + smooth * self.used
        if not self.all_used:
            losses = array_module(logp).where(self.used, losses, 0)  # also where the scores are infinite
        if reduction == "none":
            return losses
        total = losses.sum(dtype=np.float64)
        return total / self.divisor() if reduction == "mean" else total

    def divisor(self) -> Array:
        """The sum of the labels' weights."""
        return self.weight_of_label(np.float64).sum()

    def factor(self, reduction: str) -> Any:
        """What the mean multiplies the loss of a row by: 1/divisor, or 0 if no label counts; else 1."""
        if reduction != "mean":
            return 1.0
        divisor = self.divisor()
        return array_module(self.label).where(divisor == 0, 0.0, 1 / divisor)

    def scale(self, grad: Array, reduction: str) -> Array:
        """The gradient of each row's loss from that of the reduced loss, shaped to broadcast against (N, C, ...)."""
        grad = widened(grad)
        if reduction == "none":
            return array_module(grad).expand_dims(grad, 1)
        return (grad * self.factor(reduction)).astype(grad.dtype)


def _label_error(op: str, target: Any, wrong: Any, classes: int) -> IndexRangeError:
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = where[0] if len(where) == 1 else where
    return IndexRangeError(
        f"{op}: Target {int(target[where])} is out of bounds: at position {place} of the batch, for {classes} "
        f"classes, which are numbered 0 to {classes - 1}"
    )


class NLLLoss(Function):
    """-Σ share log p, which is linear in its input."""

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels, self.reduction = labels, reduction

    def forward(self, logp: Array) -> Array:
        self.shape = logp.shape
        return self.labels.loss(widened(logp), self.reduction).astype(logp.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = NLLLossBackward(self.labels, self.reduction, self.shape)(grad)
        return result


class NLLLossBackward(Function):
    """-share · scale."""

    def __init__(self, labels: Labels, reduction: str, shape: tuple[int, ...]) -> None:
        self.labels, self.reduction, self.shape = labels, reduction, shape

    def forward(self, grad: Array) -> Array:
        scale = self.labels.scale(grad, self.reduction)
        dx = self.labels.share(scale.dtype, self.shape)
        dx *= -scale
        return dx.astype(grad.dtype, copy=False)

    def backward(self, gg: Tensor) -> Tensor:
        result: Tensor = NLLLoss(self.labels, self.reduction)(gg)
        return result


class CrossEntropy(Function):
    """log_softmax and nll_loss in one: only the scores are kept for backward."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels, self.reduction = labels, reduction

    def forward(self, x: Array) -> Array:
        return self.labels.loss(log_softmax_array(x, 1), self.reduction).astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = CrossEntropyBackward(self.labels, self.reduction)(grad, self.saved(0))
        return result


class CrossEntropyBackward(Function):
    """(softmax(x) Σ_c share - share) · scale."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels, self.reduction = labels, reduction

    def forward(self, grad: Array, x: Array) -> Array:
        xp, labels = array_module(x), self.labels
        dx = softmax_array(x, 1)
        at_label = labels.weight_of_label(dx.dtype) * dx.dtype.type(1 - labels.smoothing)
        total = at_label
        if labels.smoothing:
            everywhere = labels.everywhere(dx.dtype, x.ndim)
            total = total + everywhere.sum() * labels.used
        if labels.weight is not None or labels.smoothing or not labels.all_used:
            dx *= xp.expand_dims(total, 1)
        labels.add(dx, -at_label)
        if labels.smoothing:
            dx -= everywhere * xp.expand_dims(labels.used, 1)
        dx *= labels.scale(grad, self.reduction)
        return dx.astype(x.dtype, copy=False)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        grad, x, labels = self.saved(0), self.saved(1), self.labels
        share = Variable.result_type(labels.share(x.array.dtype, x.array.shape))
        total, p = sum(share, 1, True), softmax(x, 1)
        factor = labels.factor(self.reduction)
        factor = factor if self.reduction != "mean" else Variable.result_type(factor.astype(x.array.dtype))
        each = self.reduction == "none"
        dgrad = dx = None
        if self.needs[0]:
            rows = (p * total - share) * gg
            dgrad = sum(rows, 1) if each else sum(rows) * factor
        if self.needs[1]:
            weighted = gg * p * total * ((grad.unsqueeze(1) if each else grad) * factor)
            dx = weighted - p * sum(weighted, 1, True)
        return dgrad, dx
