"""Activations as layers."""

from __future__ import annotations

from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class ReLU(Module):
    """max(x, 0), elementwise; with `inplace` written into the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.relu(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """tanh(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.sigmoid(input)


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
