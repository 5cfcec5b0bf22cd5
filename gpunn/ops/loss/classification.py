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
        self.classes, self.smoothing = classes, smoothing
        self.weight = None if weight is None else weight.copy()  # (C,); backward needs it as it is now
        self.label, self.used = target.copy(), None  # (N, ...), and which of them count, if not all
        low, high = (int(target.min()), int(target.max())) if target.size else (0, 0)
        if low <= ignore_index <= high:
            self.used = target != ignore_index
            self.label = target * self.used
        if low < 0 or high >= classes:
            _check_labels(op, target, classes, ignore_index)
        xp, rank = array_module(target), target.ndim
        grid = [xp.arange(n).reshape(*(1,) * d, n, *(1,) * (rank - 1 - d)) for d, n in enumerate(target.shape)]
        self.place = (grid[0], self.label, *grid[1:])  # x[place] is x[i, t_i]

    def weights(self, dtype: Any) -> Array | None:
        """weight[t], 0 where ignored: (N, ...); None if it is 1 everywhere."""
        if self.weight is None:
            return None if self.used is None else self.used.astype(dtype)
        weights = self.weight[self.label].astype(dtype, copy=False)
        return weights if self.used is None else weights * self.used

    def smooth(self, dtype: Any, rank: int) -> Array:
        """weight s/C of each class, 0 where ignored: (1 or N, C, ...)."""
        xp = array_module(self.label)
        weight = xp.ones(self.classes, dtype) if self.weight is None else self.weight.astype(dtype)
        table = (weight * (self.smoothing / self.classes)).reshape(1, -1, *(1,) * (rank - 2))
        return table if self.used is None else table * xp.expand_dims(self.used, 1)

    def at_label(self, dtype: Any) -> Any:
        """What a row's share has at its label besides: weight[t] (1-s), an array (N, ...) or a number."""
        weights = self.weights(dtype)
        return 1 - self.smoothing if weights is None else weights * dtype.type(1 - self.smoothing)

    def share(self, dtype: Any, shape: tuple[int, ...]) -> Array:
        """The table of shares: (N, C, ...) = `shape`."""
        table = array_module(self.label).zeros(shape, dtype)
        if self.smoothing:
            table += self.smooth(dtype, len(shape))
        table[self.place] += self.at_label(dtype)
        return table

    def loss(self, logp: Array, reduction: str) -> Array:
        """The loss of the log-probabilities `logp`, (N, C, ...), which are at least float32; sums are in float64."""
        losses = -logp[self.place]
        if self.smoothing or self.weight is not None:
            losses *= self.at_label(logp.dtype)
        if self.smoothing:
            losses -= (logp * self.smooth(logp.dtype, logp.ndim)).sum(axis=1)
        if self.used is not None:
            losses = array_module(logp).where(self.used, losses, 0)  # also where the scores are infinite
        if reduction == "none":
            return losses
        total = losses.sum(dtype=np.float64)
        if reduction == "sum":
            return total
        weights = self.weights(np.float64)
        return total / (losses.size if weights is None else weights.sum())

    def factor(self, reduction: str) -> Any:
        """What the mean multiplies the loss of a row by: 1/divisor, or 0 if no label counts; else 1."""
        if reduction != "mean":
            return 1.0
        weights = self.weights(np.float64)
        if weights is None:
            return 1.0 / max(self.label.size, 1)
        divisor = weights.sum()
        return array_module(self.label).where(divisor == 0, 0.0, 1 / divisor)

    def scale(self, grad: Array, reduction: str) -> Array:
        """The gradient of each row's loss from that of the reduced loss, shaped to broadcast against (N, C, ...)."""
        grad = widened(grad)
        if reduction == "none":
            return array_module(grad).expand_dims(grad, 1)
        return (grad * self.factor(reduction)).astype(grad.dtype)


def _check_labels(op: str, target: Array, classes: int, ignore_index: int) -> None:
    labels = backend.asnumpy(target)
    wrong = (labels != ignore_index) & ((labels < 0) | (labels >= classes))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = where[0] if len(where) == 1 else where
        raise IndexRangeError(
            f"{op}: Target {int(labels[where])} is out of bounds: at position {place} of the batch, for {classes} "
            f"classes, which are numbered 0 to {classes - 1}"
        )


class OfLabels(Function):
    """A Function of class labels, which it keeps for backward."""

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels: Labels | None = labels  # until forward
        self.reduction = reduction

    def taken(self) -> Any:
        """The labels, from now on to be freed with all that backward needs."""
        self.kept, self.labels = self.labels, None
        return self.kept


class NLLLoss(OfLabels):
    """-Σ share log p, which is linear in its input."""

    def forward(self, logp: Array) -> Array:
        self.shape = logp.shape
        return self.taken().loss(widened(logp), self.reduction).astype(logp.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = NLLLossBackward(self.kept, self.reduction, self.shape)(grad)
        return result


class NLLLossBackward(OfLabels):
    """-share · scale."""

    def __init__(self, labels: Labels, reduction: str, shape: tuple[int, ...]) -> None:
        super().__init__(labels, reduction)
        self.shape = shape

    def forward(self, grad: Array) -> Array:
        labels = self.taken()
        scale = labels.scale(grad, self.reduction)
        dx = labels.share(scale.dtype, self.shape)
        dx *= -scale
        return dx.astype(grad.dtype, copy=False)

    def backward(self, gg: Tensor) -> Tensor:
        result: Tensor = NLLLoss(self.kept, self.reduction)(gg)
        return result


class CrossEntropy(OfLabels):
    """log_softmax and nll_loss in one: only the scores are kept for backward."""

    saves: ClassVar = {0: (0,)}

    def forward(self, x: Array) -> Array:
        return self.taken().loss(log_softmax_array(x, 1), self.reduction).astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = CrossEntropyBackward(self.kept, self.reduction)(grad, self.saved(0))
        return result


class CrossEntropyBackward(OfLabels):
    """(softmax(x) Σ_c share - share) · scale."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def forward(self, grad: Array, x: Array) -> Array:
        labels = self.taken()
        dx = softmax_array(x, 1)
        at_label = labels.at_label(dx.dtype)
        smooth = labels.smooth(dx.dtype, x.ndim) if labels.smoothing else None
        if labels.weight is not None or labels.used is not None:  # the shares of a row do not add up to 1
            total = at_label if smooth is None else at_label + smooth.sum(axis=1)
            dx *= array_module(x).expand_dims(total, 1)
        dx[labels.place] -= at_label
        if smooth is not None:
            dx -= smooth
        dx *= labels.scale(grad, self.reduction)
        return dx.astype(x.dtype, copy=False)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        grad, x, labels = self.saved(0), self.saved(1), self.kept
        share = Variable.result_type(labels.share(x.array.dtype, x.array.shape))
        total, p = sum(share, 1, True), softmax(x, 1)
        factor = labels.factor(self.reduction)
        if not isinstance(factor, float):
            factor = Variable.result_type(factor.astype(x.array.dtype))
        each = self.reduction == "none"
        dgrad = dx = None
        if self.needs[0]:
            rows = (p * total - share) * gg
            dgrad = sum(rows, 1) if each else sum(rows) * factor
        if self.needs[1]:
            weighted = gg * p * total * ((grad.unsqueeze(1) if each else grad) * factor)
            dx = weighted - p * sum(weighted, 1, True)
        return dgrad, dx
