"""Layers that compare vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.nn import functional as F
from gpunn.nn.module import Module

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class PairwiseDistance(Module):
    """The `p`-norm of x1 - x2 + eps along the last dimension: (n, d), (n, d) -> (n), or (n, 1) with `keepdim`."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(n, d) or (d,) each -> (n,) or ()."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`: x1 · x2 / (max(|x1|, eps) max(|x2|, eps))."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Shapes that broadcast -> that shape without `dim`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
