"""Cross-entropy and negative log-likelihood of class labels, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.kernels import bounds, lines
from gpunn.kernels.lines import Lines
from gpunn.ops.loss.labels import Labels
from gpunn.ops.loss.totals import total
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import sum
from gpunn.ops.softmax import log_softmax_array, softmax, softmax_array

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/cross_entropy"


class OfLabels(Function):
    """A Function of class labels, which it keeps for backward."""

    def __init__(self, labels: Labels, reduction: str) -> None:
        self.labels: Labels | None = labels  # until forward
        self.reduction = reduction

    def taken(self) -> Any:
        """The labels, from now on to be freed with all that backward needs."""
        self.kept, self.labels = self.labels, None
        return self.kept

    def launched(self, x: Array, launch: Callable[[Labels, Lines, Array, Array], None]) -> Array:
        """The reduced loss, where `launch(labels, lines of x, rows, label)` writes the losses of the rows."""
        labels = self.taken()
        cupy, along = array_module(x), lines.in_order(x, 1)
        rows = cupy.empty((2, labels.target.size), np.float64)
        label = cupy.empty(labels.target.shape, np.int64)
        launch(labels, along, rows, label)
        labels.keep_found(label)
        if self.reduction == "none":
            return rows[0].astype(x.dtype).reshape(label.shape)
        loss, labels.factor_found = total(rows, x.dtype, None if self.reduction == "mean" else 1.0)
        return loss


def _with_labels(labels: Labels, x: Array) -> tuple[Array, Array, bool, tuple[Array, int]]:
    """What kernels take of `labels`: labels of int64, weights (or what stands for them), whether, and the slot."""
    cupy, weight = array_module(x), labels.weight
    target = cupy.ascontiguousarray(labels.target.astype(np.int64, copy=False))
    slot = bounds.slot(labels.op, target, 1, labels.classes)
    has_weight = weight is not None
    return target, cupy.ascontiguousarray(weight) if has_weight else x, has_weight, slot


class NLLLoss(OfLabels):
    """-Σ share log p, which is linear in its input."""

    def forward_numpy(self, logp: Array) -> Array:
        self.shape = logp.shape
        labels = self.taken()
        labels.keep()
        return labels.loss(widened(logp), self.reduction).astype(logp.dtype, copy=False)

    def forward_cuda(self, logp: Array) -> Array:
        self.shape = logp.shape
        return self.launched(logp, _launch_nll)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = NLLLossBackward(self.kept, self.reduction, self.shape)(grad)
        return result


def _launch_nll(labels: Labels, along: Lines, rows: Array, label: Array) -> None:
    target, weight, has_weight, slot = _with_labels(labels, along.array)
    args = (rows, label, along.array, target, weight, *along.sizes, has_weight, labels.ignore_index, *slot)
    kernels.launch(FILE, "nll_forward", along.number, args, {"BLOCK": lines.BLOCK})


class NLLLossBackward(OfLabels):
    """-share · scale."""

    def __init__(self, labels: Labels, reduction: str, shape: tuple[int, ...]) -> None:
        super().__init__(labels, reduction)
        self.shape = shape

    def forward_numpy(self, grad: Array) -> Array:
        labels = self.taken()
        scale = labels.scale(grad, self.reduction)
        dx = labels.share(scale.dtype, self.shape)
        dx *= scale
        return np.subtract(0, dx, out=dx).astype(grad.dtype, copy=False)  # 0 where the share is 0, not -0

    def forward_cuda(self, grad: Array) -> Array:
        labels, cupy = self.taken(), array_module(grad)
        dx = cupy.zeros(self.shape, grad.dtype)
        each, inner = self.reduction == "none", math.prod(self.shape[2:])
        weight = dx if labels.weight is None else labels.weight
        factor = cupy.empty((), np.float64) if each else labels.factor_found
        n, sizes = labels.target.size, (self.shape[1], inner, labels.weight is not None, each)
        args = (dx, labels.target, weight, cupy.ascontiguousarray(grad), factor, n, *sizes)
        kernels.launch(FILE, "nll_backward", n, args, {"BLOCK": lines.BLOCK})
        return dx

    def backward(self, gg: Tensor) -> Tensor:
        result: Tensor = NLLLoss(self.kept, self.reduction)(gg)
        return result


class CrossEntropy(OfLabels):
    """log_softmax and nll_loss in one. Its kernel writes the gradient as well, which backward only has to scale."""

    saves: ClassVar = {0: (0,)}

    def forward_numpy(self, x: Array) -> Array:
        labels = self.taken()
        labels.keep()
        return labels.loss(log_softmax_array(x, 1), self.reduction).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        return self.launched(x, self._launch)

    def _launch(self, labels: Labels, along: Lines, rows: Array, label: Array) -> None:
        unscaled = array_module(rows).empty_like(along.array) if self.needs[0] else along.array
        target, weight, has_weight, slot = _with_labels(labels, along.array)
        shares = (1.0 - labels.smoothing, labels.smoothing / max(labels.classes, 1))
        arrays = (rows, label, unscaled, along.array, target, weight)
        numbers = (has_weight, self.needs[0], *shares, labels.ignore_index)
        args = (*arrays, *along.sizes, along.team, *numbers, *slot)
        kernels.launch(FILE, "cross_entropy_forward", along.threads, args, {"BLOCK": along.block})
        if self.needs[0]:
            labels.unscaled = along._replace(array=unscaled)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = CrossEntropyBackward(self.kept, self.reduction)(grad, self.saved(0))
        return result


class CrossEntropyBackward(OfLabels):
    """(softmax(x) Σ_c share - share) · scale."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def forward_numpy(self, grad: Array, x: Array) -> Array:
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

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        labels = self.taken()
        return scaled(labels.unscaled, grad, labels.factor_found)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        grad, x, labels = self.saved(0), self.saved(1), self.kept
        labels.spread()
        share = Variable.result_type(labels.share(x.array.dtype, x.array.shape))
        weight, p = sum(share, 1, True), softmax(x, 1)
        factor = labels.factor(self.reduction)
        if not isinstance(factor, float):
            factor = Variable.result_type(factor.astype(x.array.dtype))
        each = self.reduction == "none"
        dgrad = dx = None
        if self.needs[0]:
            rows = (p * weight - share) * gg
            dgrad = sum(rows, 1) if each else sum(rows) * factor
        if self.needs[1]:
            weighted = gg * p * weight * ((grad.unsqueeze(1) if each else grad) * factor)
            dx = weighted - p * sum(weighted, 1, True)
        return dgrad, dx


def scaled(unscaled: Lines, grad: Array, factor: Array | None) -> Array:
    """The gradient of scores: that of the losses of the rows, times `grad` and `factor`, or `grad` of each row."""
    cupy = array_module(grad)
    dx, grad = cupy.empty_like(unscaled.array), cupy.ascontiguousarray(grad)
    arrays = (dx, unscaled.array, grad)
    if factor is None:
        sizes = (*unscaled.sizes, unscaled.team)
        kernels.launch(FILE, "scale_lines", unscaled.threads, (*arrays, *sizes), {"BLOCK": unscaled.block})
    else:
        threads = kernels.vector_threads(dx)
        kernels.launch(FILE, "scale_all", threads, (*arrays, factor, dx.size), {"BLOCK": lines.BLOCK})
    return unscaled.back(dx)
