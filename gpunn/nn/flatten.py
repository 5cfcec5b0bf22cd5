"""Layers that reshape."""

from __future__ import annotations

from collections.abc import Sequence

from gpunn.errors import ArgumentTypeError
from gpunn.nn.module import Module
from gpunn.ops.shape.views import flatten, unflatten
from gpunn.tensor import Tensor


class Flatten(Module):
    """Makes one dimension of those from `start_dim` to `end_dim`; as it is, of all but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C H W)"""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension `dim` into dimensions of the lengths `unflattened_size`."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            kind = type(unflattened_size).__name__
            raise ArgumentTypeError(f"unflattened_size must be a tuple of ints, but found type {kind}")
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                kind = type(size).__name__
                raise ArgumentTypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {kind} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """(*, product of the sizes, *) → (*, sizes, *)"""
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
