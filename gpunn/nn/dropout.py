"""Dropout as a layer."""

from __future__ import annotations

from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class Dropout(Module):
    """In training, zeroes each element with probability `p` and divides the others by 1 - p; in eval, nothing.

    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
