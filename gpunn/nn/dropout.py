"""Dropout as layers: in training they zero elements or whole channels at random, in eval they do nothing."""

from __future__ import annotations

from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zeroes each element with probability `p` and divides the others by 1 - p.

    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).
    """

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, zeroes each channel with probability `p` and divides the others by 1 - p."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) → the same"""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, zeroes each channel with probability `p` and divides the others by 1 - p."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → the same"""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, zeroes each channel with probability `p` and divides the others by 1 - p."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, D, H, W) or (C, D, H, W) → the same"""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, sets each element to selu(-∞) with probability `p`, and keeps mean 0 and variance 1.

    Source: Klambauer et al., Self-normalizing neural networks, NIPS 2017.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → the same"""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)


class ClassicDropout(_Dropout):
    """In training, zeroes each element with probability `p`; in eval, multiplies all by 1 - p.

    Source: Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors (2012).
    """

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.classic_dropout(input, self.p, self.training, self.inplace)
