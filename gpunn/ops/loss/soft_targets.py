"""Cross-entropy against class probabilities that need no gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, is_grad_enabled, no_grad
from gpunn.kernels import lines
from gpunn.ops.loss.classification import scaled
from gpunn.ops.loss.totals import total
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.conversion import cast
from gpunn.ops.softmax import log_softmax_array, softmax

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/soft_targets"


class SoftCrossEntropy(Function):
    """-Σ_c share log softmax(x), share = weight_c ((1-s) target_c + s/C), of scores x (N, C, ...); mean over the rows.

    Its kernel writes the gradient as well, which backward only has to scale.
    """

    saves: ClassVar = {0: (0,), 1: (0,), 2: (0,)}

    def __init__(self, reduction: str, smoothing: float) -> None:
        self.reduction, self.smoothing = reduction, smoothing

    def forward_numpy(self, x: Array, target: Array, weight: Array | None) -> Array:
        share = widened(target)
        if self.smoothing:
            share = share * (1.0 - self.smoothing) + self.smoothing / max(x.shape[1], 1)
        if weight is not None:
            share = share * widened(weight).reshape(-1, *(1,) * (x.ndim - 2))
        losses = -(share * log_softmax_array(x, 1)).sum(axis=1)
        rows = self._rows(x)
        if self.reduction == "none":
            return losses.astype(x.dtype, copy=False)
        result = losses.sum(dtype=np.float64)
        return (result / np.float64(rows) if self.reduction == "mean" else result).astype(x.dtype)

    def forward_cuda(self, x: Array, target: Array, weight: Array | None) -> Array:
        cupy, needs = array_module(x), self.needs[0]
        along = lines.in_order(x, 1)
        n = self._rows(x)
        rows = cupy.empty((2, n), np.float64)
        unscaled = cupy.empty_like(along.array) if needs else along.array
        weights = along.array if weight is None else cupy.ascontiguousarray(weight)
        shares = (1.0 - self.smoothing, self.smoothing / max(x.shape[1], 1))
        arrays = (rows, unscaled, along.array, along.like(target), weights)
        args = (*arrays, *along.sizes, along.team, weight is not None, needs, *shares)
        kernels.launch(FILE, "soft_forward", along.threads, args, {"BLOCK": along.block})
        found = along._replace(array=unscaled)
        self.kept = found, None
        if self.reduction == "none":
            return rows[0].astype(x.dtype).reshape(x.shape[:1] + x.shape[2:])
        loss, factor = total(rows, x.dtype, float(n) if self.reduction == "mean" else 1.0)
        self.kept = found, factor
        return loss

    def _rows(self, x: Array) -> int:
        rows = x.size // x.shape[1] if x.shape[1] else 0
        self.scale = 1.0 / max(rows, 1) if self.reduction == "mean" else 1.0
        return int(rows)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [self.saved(i) for i in range(3)]
        if is_grad_enabled():
            return slope(self, grad, *inputs), None, None
        return SoftCrossEntropyBackward(self)(grad, *inputs), None, None


class SoftCrossEntropyBackward(Function):
    """(softmax(x) Σ_c share - share) · scale. Where the graph goes on, backward takes `slope` in its place."""

    def __init__(self, of: SoftCrossEntropy) -> None:
        self.of = of

    def forward_numpy(self, grad: Array, *inputs: Array | None) -> Array:
        given = [None if a is None else Variable.result_type(a) for a in (grad, *inputs)]
        with no_grad():
            result: Any = slope(self.of, *given)
        return result.array

    def forward_cuda(self, grad: Array, *inputs: Array | None) -> Array:
        return scaled(self.of.kept[0], grad, self.of.kept[1])


def slope(of: SoftCrossEntropy, grad: Any, x: Any, target: Any, weight: Any) -> Tensor:
    """The gradient of x by differentiable operations, rounded once."""
    dtype = x.dtype
    if dtype.itemsize == 2:
        wide = [None if a is None else cast(a, dtypes.float32) for a in (grad, x, target, weight)]
        grad, x, target, weight = wide
    share = target * (1.0 - of.smoothing) + of.smoothing / max(x.array.shape[1], 1) if of.smoothing else target
    if weight is not None:
        share = share * weight.reshape(-1, *(1,) * (x.ndim - 2))
    incoming = grad.unsqueeze(1) if of.reduction == "none" else grad * of.scale
    return cast((softmax(x, 1) * sum(share, 1, True) - share) * incoming, dtype)
