"""Class labels with all that weighs them: which count, where they lie in the scores, what the loss of a row is."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.errors import IndexRangeError
from gpunn.ops.reduction.accumulate import widened


class Labels:
    """Class labels with all that weighs them, for scores x of shape (N, C, ...).

    loss_i = -Σ_c share[i, c] log p[i, c], where share is weight[c] s/C everywhere (s: label smoothing) and weight[t]
    (1-s) more at the label t. Rows whose label is ignored have share 0. The mean is divided by Σ_i weight[t_i].
    """

    def __init__(
        self, op: str, target: Array, classes: int, weight: Array | None, ignore_index: int, smoothing: float
    ) -> None:
        self.op, self.target, self.classes, self.weight = op, target, classes, weight  # (N, ...), (C,)
        self.ignore_index, self.smoothing = ignore_index, smoothing
        self.unscaled: Array = None  # the gradient of the losses of the rows, where a kernel has left it
        self.factor_found: Array = None  # and what the mean multiplies it by

    def keep(self) -> None:
        """Check the labels, and keep them and the weights as they are now, for backward."""
        target = self.target = self.target.copy()
        self.weight = None if self.weight is None else self.weight.copy()
        low, high = (int(target.min()), int(target.max())) if target.size else (0, 0)
        if low < 0 or high >= self.classes:
            _check_labels(self.op, target, self.classes, self.ignore_index)
        self.spread(low <= self.ignore_index <= high)

    def keep_found(self, label: Array) -> None:
        """Keep the labels as a kernel has checked them: -1 where they count for nothing."""
        self.target, self.ignore_index = label, -1
        self.weight = None if self.weight is None else self.weight.copy()

    def spread(self, some_ignored: bool = True) -> None:
        """Make what the methods below need of the labels: which of them count, and the place of each in the scores."""
        target = self.target
        self.label, self.used = target, None  # which of them count, if not all
        if some_ignored:
            self.used = target != self.ignore_index
            self.label = target * self.used
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
