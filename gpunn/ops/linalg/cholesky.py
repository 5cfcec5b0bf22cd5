"""The Cholesky factor of positive definite matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.indexing.triangle import tril
from gpunn.ops.linalg.inverse import Solve
from gpunn.ops.linalg.lapack import failure, square_matrices, told_by_lapack
from gpunn.ops.linalg.products import matmul

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

PROBLEM: Final = "The factorization could not be completed because the input is not positive-definite"


class Cholesky(Function):
    """The lower triangular L with A = L Lᵀ; only the lower triangle of A is read."""

    saves_output = True

    def __init__(self, op: str) -> None:
        self.op = op

    def forward_numpy(self, a: Array) -> Array:
        with told_by_lapack(self.op, a, PROBLEM, self.is_indefinite):
            return np.linalg.cholesky(a)

    def forward_cuda(self, a: Array) -> Array:
        lower = array_module(a).linalg.cholesky(a)
        bad = ~(lower.diagonal(0, -2, -1) > 0).all(axis=-1)
        if bad.any():
            raise failure(self.op, a, PROBLEM, bad)
        return lower

    @staticmethod
    def is_indefinite(a: Array) -> Array:
        """Whether each matrix has an eigenvalue that is not positive."""
        return ~(np.linalg.eigvalsh(a) > 0).all(axis=-1)

    def backward(self, grad: Tensor) -> Tensor:
        """L⁻ᵀ S L⁻¹, where S has half of the lower triangle of Lᵀ grad on either side of its diagonal."""
        lower = self.saved_output()
        product = tril(matmul(lower.mT, grad))
        symmetric = (product + tril(product, -1).mT) * 0.5
        half: Tensor = Solve(self.op)(lower.mT, symmetric)
        return Solve(self.op)(lower.mT, half.mT).mT


def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with A = L Lᵀ of each positive definite matrix, or Lᵀ if `upper`. `linalg.cholesky`.

    input, result: (..., n, n). The matrices count as symmetric: one triangle is read. Raises LinAlgError if one is not
    positive definite.
    """
    return _factor("linalg.cholesky", input, upper)


def cholesky_of(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor of each matrix: `linalg.cholesky`, with a `upper` that may be given by position."""
    return _factor("cholesky", input, upper)


def _factor(op: str, a: Tensor, upper: bool) -> Tensor:
    square_matrices(op, a)
    if upper:
        return Cholesky(op)(a.mT).mT
    return Cholesky(op)(a)
