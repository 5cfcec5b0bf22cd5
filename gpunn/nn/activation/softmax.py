"""Softmax and its variants as layers."""

from __future__ import annotations

from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class _AlongDim(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / Σ exp(x) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softmax(input, self.dim)


class Softmax2d(Module):
    """exp(x) / Σ exp(x) over the channels of each pixel."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W), or (C, H, W) → (C, H, W)"""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: expected input to be 3D or 4D (got {input.ndim}D input, {input.array.shape})")
        return F.softmax(input, -3)


class LogSoftmax(_AlongDim):
    """log(exp(x) / Σ exp(x)) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """exp(-x) / Σ exp(-x) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softmin(input, self.dim)
