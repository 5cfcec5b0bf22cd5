"""The cosine between vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, is_grad_enabled, no_grad
from gpunn.kernels import lines
from gpunn.ops.composed import gradients
from gpunn.ops.reduction.norms import vector_norm
from gpunn.ops.reduction.sums import sum

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "similarity"


class Cosine(Function):
    """a·b / (max(|a|, eps) max(|b|, eps)) along `axis`, which is dropped; |a|² = Σ a² + tiny, |b|² likewise.

    a and b have one shape and floating dtype. Lengths are found in float64, where no square of a float32 leaves the
    range, and those of float64 without squares of what is large or small.
    """

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, axis: int, eps: float, tiny: float = 0.0) -> None:
        self.axis, self.eps, self.tiny = axis, eps, tiny

    def forward_numpy(self, a: Array, b: Array) -> Array:
        scales = [1.0, 1.0]
        if a.dtype == np.float64:
            scales = [_scale(x, self.axis) for x in (a, b)]
        x, y = a.astype(np.float64) / scales[0], b.astype(np.float64) / scales[1]
        lengths = []
        for z, scale in ((x, scales[0]), (y, scales[1])):
            squares = (z * z).sum(axis=self.axis, keepdims=True)
            lengths.append(np.sqrt(squares * scale * scale + self.tiny) if self.tiny else np.sqrt(squares) * scale)
        x *= y
        cosine = x.sum(axis=self.axis, keepdims=True)
        for length, scale in zip(lengths, scales, strict=True):
            cosine = cosine / (np.maximum(length, self.eps) / scale)
        self.kept = (*lengths, cosine)
        return cosine.astype(a.dtype).squeeze(self.axis)

    def forward_cuda(self, a: Array, b: Array) -> Array:
        cupy, along = array_module(a), lines.in_order(a, self.axis)
        y = cupy.empty(a.shape[: self.axis] + a.shape[self.axis + 1 :], a.dtype)
        kept = cupy.empty((3, y.size), np.float64)
        if not a.size:
            y.fill(0)
        args = (y, kept, along.array, along.like(b), *along.sizes, along.team, self.eps, self.tiny)
        kernels.launch(FILE, "cosine_forward", along.threads, args, {"BLOCK": along.block})
        self.kept = kept
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, b = self.saved(0), self.saved(1)
        if is_grad_enabled():
            return gradients(self.composed, grad, (a, b), self.needs)
        da, db = CosineBackward(self)(grad, a, b)
        return da, db

    def composed(self, a: Tensor, b: Tensor) -> Tensor:
        """The same, of differentiable operations. That a length is no smaller than eps does not change its gradient."""
        units: list[Any] = []
        for x in (a, b):
            length: Any = (sum(x * x, self.axis, True) + self.tiny).sqrt() if self.tiny else None
            if length is None:
                length = vector_norm("cosine_similarity", x, 2.0, (self.axis,), True).clone()
                with no_grad():
                    length.clamp_min_(self.eps)
            units.append(x / length)
        return sum(units[0] * units[1], self.axis)


class CosineBackward(Function):
    """The gradients of a and b: grad (b / max(|b|, eps) - cosine a / |a|) / max(|a|, eps), and likewise."""

    def __init__(self, of: Cosine) -> None:
        self.of = of

    def forward_numpy(self, grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
        of_a, of_b, cosine = self.of.kept
        grad = np.expand_dims(grad.astype(np.float64), self.of.axis)
        return self._slope(grad, a, b, of_a, of_b, cosine), self._slope(grad, b, a, of_b, of_a, cosine)

    def _slope(self, grad: Array, a: Array, b: Array, of_a: Array, of_b: Array, cosine: Array) -> Array:
        wide = np.float64 if a.dtype == np.float64 else np.float32
        by_a, by_b = np.maximum(of_a, self.of.eps), np.maximum(of_b, self.of.eps)
        share = np.where(of_a == 0, 0, cosine / np.where(of_a == 0, 1, of_a))
        dx = b.astype(wide) / by_b.astype(wide)
        dx -= a * share.astype(wide)
        dx *= (grad / by_a).astype(wide)
        return dx.astype(a.dtype, copy=False)

    def forward_cuda(self, grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
        cupy, along = array_module(a), lines.in_order(a, self.of.axis)
        da, db = (cupy.empty(along.array.shape, a.dtype) for _ in range(2))
        arrays = (da, db, self.of.kept, cupy.ascontiguousarray(grad), along.array, along.like(b))
        args = (*arrays, *along.sizes, along.team, self.of.eps)
        kernels.launch(FILE, "cosine_backward", along.threads, args, {"BLOCK": along.block})
        return along.back(da), along.back(db)


def _scale(x: Array, axis: int) -> Array:
    """The largest size along `axis`; 1 if it is 0, infinite or no number."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0)
    return np.where((largest > 0) & (largest < np.inf), largest, 1)
