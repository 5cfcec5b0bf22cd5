"""Losses of rows of scores against labels, with a margin: the gradient of each row is found with its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, is_grad_enabled
from gpunn.errors import UnsupportedError
from gpunn.kernels import bounds, lines
from gpunn.kernels.lines import Lines
from gpunn.kernels.source import C_TYPES
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.composed import gradients
from gpunn.ops.indexing.bounds import check_bounds
from gpunn.ops.indexing.gather import gather
from gpunn.ops.loss.arguments import reduced
from gpunn.ops.loss.classification import scaled
from gpunn.ops.loss.totals import total
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.conversion import cast, widened_tensor

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/margins"


class RowLoss(Function):
    """A loss for each row of scores x (N, C), reduced. Labels and weights have no gradient.

    Subclasses give `rows` for NumPy, `launch` for kernels, and `composed` for the derivative of the gradient.
    """

    saves: ClassVar = {0: (0,), 1: (0,), 2: (0,)}

    def __init__(self, reduction: str) -> None:
        self.reduction = reduction

    def forward_numpy(self, x: Array, target: Array, weight: Array | None) -> Array:
        losses, self.kept = self.rows(widened(x), target, weight)
        self.scale = 1.0 / max(len(x), 1) if self.reduction == "mean" else 1.0
        if self.reduction == "none":
            return losses.astype(x.dtype, copy=False)
        result = losses.sum(dtype=np.float64)
        return (result / np.float64(len(x)) if self.reduction == "mean" else result).astype(x.dtype)

    def forward_cuda(self, x: Array, target: Array, weight: Array | None) -> Array:
        cupy = array_module(x)
        along = lines.along(cupy.ascontiguousarray(x), 1)
        rows = cupy.empty((2, len(x)), np.float64)
        unscaled = cupy.empty_like(along.array) if self.needs[0] else along.array
        target = cupy.ascontiguousarray(target.astype(np.int64, copy=False))
        self.launch(rows, unscaled, along, target, weight)
        found = along._replace(array=unscaled)
        if self.reduction == "none":
            self.kept = found, None
            return rows[0].astype(x.dtype)
        loss, factor = total(rows, x.dtype, float(len(x)) if self.reduction == "mean" else 1.0)
        self.kept = found, factor
        return loss

    def rows(self, x: Array, target: Array, weight: Array | None) -> tuple[Array, Array]:
        """The loss of each row and its gradient, of x in float32 or float64."""
        raise UnsupportedError(f"{type(self).__name__} lacks a part")

    def launch(self, rows: Array, unscaled: Array, along: Lines, target: Array, weight: Array | None) -> None:
        """Write the losses to rows[0], 1 to rows[1], and where x needs it their gradient to `unscaled`."""
        raise UnsupportedError(f"{type(self).__name__} lacks a part")

    def composed(self, x: Any, target: Any, weight: Any) -> Tensor:
        """The losses of the rows, of differentiable operations."""
        raise UnsupportedError(f"{type(self).__name__} lacks a part")

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [self.saved(i) for i in range(3)]
        if is_grad_enabled():
            return gradients(self._composed, grad, inputs, self.needs)
        return RowLossBackward(self)(grad), None, None

    def _composed(self, x: Any, target: Any, weight: Any) -> Tensor:
        losses = self.composed(widened_tensor(x), target, None if weight is None else widened_tensor(weight))
        return cast(reduced(losses, self.reduction), x.dtype)


def _threads(along: Lines) -> int:
    """A launch in blocks of 256 threads, also where rows are so long that `along` would take more."""
    return along.threads if along.block == lines.BLOCK else along.number * lines.BLOCK


class RowLossBackward(Function):
    """The gradients of the rows, times grad. Where the graph goes on, backward composes it."""

    def __init__(self, of: RowLoss) -> None:
        self.of = of

    def forward_numpy(self, grad: Array) -> Array:
        factor = widened(grad)[:, None] if self.of.reduction == "none" else widened(grad) * self.of.scale
        slopes = self.of.kept
        return (slopes * factor.astype(slopes.dtype)).astype(grad.dtype, copy=False)

    def forward_cuda(self, grad: Array) -> Array:
        return scaled(self.of.kept[0], grad, self.of.kept[1])


class MultiMargin(RowLoss):
    """weight[t] Σ_c z^p / C with z = margin - x[t] + x[c], over the classes other than the label t where z > 0."""

    def __init__(self, reduction: str, p: int, margin: float) -> None:
        super().__init__(reduction)
        self.p, self.margin = p, float(margin)

    def rows(self, x: Array, target: Array, weight: Array | None) -> tuple[Array, Array]:
        places, classes = np.arange(len(x)), x.shape[1]
        check_bounds("multi_margin_loss", target, 1, classes)
        z = x - (x[places, target] - x.dtype.type(self.margin))[:, None]
        np.maximum(z, 0, out=z)
        z[places, target] = 0
        losses = ((z * z) if self.p == 2 else z).sum(axis=1)
        slopes = z * 2 if self.p == 2 else (z > 0).astype(x.dtype)
        slopes[places, target] = -slopes.sum(axis=1)
        factor = 1 / classes if weight is None else widened(weight)[target] / classes
        slopes *= factor if weight is None else factor[:, None]
        return losses * factor, slopes

    def launch(self, rows: Array, unscaled: Array, along: Lines, target: Array, weight: Array | None) -> None:
        cupy, classes = array_module(rows), along.length
        slot = bounds.slot("multi_margin_loss", target, 1, classes)
        weights = along.array if weight is None else cupy.ascontiguousarray(weight)
        arrays = (rows, unscaled, along.array, target, weights)
        numbers = (along.number, classes, along.team, self.p == 2, weight is not None, self.needs[0], self.margin)
        kernels.launch(FILE, "multi_margin_forward", _threads(along), (*arrays, *numbers, *slot))

    def composed(self, x: Any, target: Any, weight: Any) -> Tensor:
        label, classes = target.reshape(-1, 1), x.array.shape[1]
        z = self.margin - gather(x, 1, label) + x
        others = label.array != array_module(label.array).arange(classes)
        rest = masked(z, Variable.result_type((z.array > 0) & others))
        rest = rest * rest if self.p == 2 else rest
        return sum(rest if weight is None else rest * weight[label], 1) / classes


class MultilabelMargin(RowLoss):
    """Σ max(0, 1 - x[t] + x[c]) / C over all labels t, those of a row before its first -1, and all c that are none."""

    def rows(self, x: Array, target: Array, weight: Array | None) -> tuple[Array, Array]:
        classes = x.shape[1]
        check_bounds("multilabel_margin_loss", target * before_the_end(target), 1, max(classes, 1))
        counts = label_counts(target, classes).astype(x.dtype)
        z = 1 - x[:, :, None] + x[:, None, :]  # (N, labels, others)
        np.maximum(z, 0, out=z)
        pairs = counts[:, :, None] * (counts == 0)[:, None, :]
        losses = (z * pairs).sum(axis=(1, 2))
        pairs *= z > 0
        slopes = pairs.sum(axis=1) - pairs.sum(axis=2)
        return losses / max(classes, 1), slopes / max(classes, 1)

    def launch(self, rows: Array, unscaled: Array, along: Lines, target: Array, weight: Array | None) -> None:
        counts, classes = array_module(rows).empty(target.shape, np.int32), along.length
        slot = bounds.slot("multilabel_margin_loss", target, 1, classes)
        sizes = (along.number, classes)
        constants = {"T": C_TYPES[unscaled.dtype.name]}  # which no argument says
        kernels.launch(FILE, "count_labels", target.size, (counts, target, *sizes, *slot), constants)
        args = (rows, unscaled, along.array, counts, *sizes, along.team, self.needs[0])
        kernels.launch(FILE, "multilabel_margin_forward", _threads(along), args)

    def composed(self, x: Any, target: Any, weight: Any) -> Tensor:
        counts = label_counts(target.array, x.array.shape[1])
        z = 1.0 - x.unsqueeze(2) + x.unsqueeze(1)
        pairs: Any = Variable.result_type((counts[:, :, None] * (counts == 0)[:, None, :]).astype(x.array.dtype))
        rest = masked(z, Variable.result_type(z.array > 0)) * pairs
        return sum(rest, (1, 2)) / max(x.array.shape[1], 1)


def label_counts(labels: Array, classes: int) -> Array:
    """How often each class is among the labels of each row, (N, classes), which end before the first negative one."""
    named = labels[:, :, None] == array_module(labels).arange(classes)
    return (named & before_the_end(labels)[:, :, None]).sum(axis=1)


def before_the_end(labels: Array) -> Array:
    """Which places of the rows come before the first negative one."""
    return array_module(labels).cumsum((labels < 0).astype(np.int64), axis=1) == 0
