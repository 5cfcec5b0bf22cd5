"""Layers that make columns of images, and images of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.nn import functional as F
from gpunn.nn.module import Module

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Pair = int | tuple[int, int]


class Unfold(Module):
    """What each window of an image sees, as a column: (N, C, H, W) → (N, C · kernel_h · kernel_w, windows)."""

    def __init__(self, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) → (N, C · kernel_h · kernel_w, windows), or without N."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Images (N, C, *output_size) in which each place is the sum of what the columns of all windows say of it."""

    def __init__(
        self, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """(N, C · kernel_h · kernel_w, windows) → (N, C, *output_size), or both without N."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
