"""One side of a diagonal kept, the other set to zero: tril, triu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.arithmetic.elementwise import masked_array
from gpunn.ops.indexing.rows_cuda import as_bits, contiguous
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Tril(Function):
    """x[..., i, j] where j - i <= diagonal, else 0."""

    def __init__(self, diagonal: int) -> None:
        self.diagonal = diagonal

    is_upper = False

    def forward_numpy(self, x: Array) -> Array:
        return masked_array(x, np.tri(x.shape[-2], x.shape[-1], k=self.diagonal, dtype=bool))

    def forward_cuda(self, x: Array) -> Array:
        x = contiguous(x)
        y = array_module(x).empty_like(x)
        args = (as_bits(y), as_bits(x), y.size, *x.shape[-2:], self.diagonal, self.is_upper)
        kernels.launch("indexing/choose", "triangle", y.size, args)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return Tril(self.diagonal)(grad)


class Triu(Tril):
    """x[..., i, j] where j - i >= diagonal, else 0."""

    is_upper = True

    def forward_numpy(self, x: Array) -> Array:
        return masked_array(x, ~np.tri(x.shape[-2], x.shape[-1], k=self.diagonal - 1, dtype=bool))

    def backward(self, grad: Tensor) -> Tensor:
        return Triu(self.diagonal)(grad)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangles of a matrix or a batch: zeros above the diagonal with number `diagonal`."""
    _check_rank("tril", input)
    return Tril(one_int("tril", "diagonal", diagonal))(input)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangles of a matrix or a batch: zeros below the diagonal with number `diagonal`."""
    _check_rank("triu", input)
    return Triu(one_int("triu", "diagonal", diagonal))(input)


def _check_rank(op: str, input: Tensor) -> None:
    if array_of(op, input).ndim < 2:
        raise ShapeError(f"{op}: input tensor must have at least 2 dimensions, got shape {input.array.shape}")
