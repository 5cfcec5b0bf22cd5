"""Pooling to a given size: `output_size` parts along each axis, None for an axis that stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.nn.pool import Parts
from gpunn.tensor import Tensor


class _AdaptiveAvgPool(Module):
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Parts) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *size) or (C, *size) → (N, C, *output_size) or (C, *output_size)"""
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of `output_size` parts of a signal."""

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each of `output_size` parts of an image."""

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each of `output_size` parts of a volume."""

    pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(Module):
    pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Parts, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """(N, C, *size) or (C, *size) → (N, C, *output_size); with `return_indices` a pair."""
        return self.pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` parts of a signal; with `return_indices` also where it was."""

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` parts of an image; with `return_indices` also where it was."""

    pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest element of each of `output_size` parts of a volume; with `return_indices` also where it was."""

    pool = staticmethod(F.adaptive_max_pool3d)
