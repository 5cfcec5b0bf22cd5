"""The Cholesky factor of positive definite matrices, and what is solved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ShapeError
from gpunn.ops.indexing.triangle import tril
from gpunn.ops.linalg.inverse import Solve
from gpunn.ops.linalg.lapack import failure, matrices, square_matrices, told_by_lapack
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.linalg.triangular import same_batches, solve_rows

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
            lower = np.linalg.cholesky(a)
        return self.checked(a, lower)

    def forward_cuda(self, a: Array) -> Array:
        return self.checked(a, array_module(a).linalg.cholesky(a))

    def checked(self, a: Array, lower: Array) -> Array:
        """`lower` unless there is a NaN on its diagonal, which cuSOLVER leaves without a word, and LAPACK for NaN."""
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


class CholeskySolve(Function):
    """A⁻¹ B of matrices with the same dimensions in front, A = L Lᵀ or UᵀU. Of the factor one triangle is read."""

    saves: ClassVar = {1: (0, 1)}
    saves_output = True

    def __init__(self, upper: bool) -> None:
        self.upper = upper

    def forward(self, b: Array, factor: Array) -> Array:
        x = b.copy()
        first, last = (factor.mT, factor) if self.upper else (factor, factor.mT)
        solve_rows(first, x, upper=False, unit=False)
        solve_rows(last, x, upper=True, unit=False)
        return x

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With respect to B it is G = A⁻¹ grad, and with respect to the whole L, as A = L Lᵀ, -(G Xᵀ + X Gᵀ) L."""
        factor = self.saved(1)
        to_b: Tensor = CholeskySolve(self.upper)(grad, factor)
        if not self.needs[1]:
            return to_b, None
        product = matmul(to_b, self.saved_output().mT)
        change = -(product + product.mT)
        to_factor = matmul(factor, change) if self.upper else matmul(change, factor)
        return to_b if self.needs[0] else None, to_factor


def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with A = L Lᵀ of each positive definite matrix, or Lᵀ if `upper`. `linalg.cholesky`.

    input, result: (..., n, n). The matrices count as symmetric: one triangle is read. Raises LinAlgError if one is not
    positive definite.
    """
    return _factor("linalg.cholesky", input, upper)


def cholesky_of(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor of each matrix: `linalg.cholesky`, with a `upper` that may be given by position."""
    return _factor("cholesky", input, upper)


def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, where B is the `input` and A is known by its Cholesky factor `input2`: L Lᵀ, or UᵀU if `upper`.

    input: (..., n, k). input2: (..., n, n), of which one triangle is read; the dimensions in front broadcast.
    """
    op = "cholesky_solve"
    b, factor = matrices(op, input), square_matrices(op, input2)
    check_operands(op, input, input2)
    if b.shape[-2] != factor.shape[-1]:
        raise ShapeError(
            f"{op}: Incompatible matrix sizes: the factor is {factor.shape}, so that B, of shape {b.shape}, needs "
            f"{factor.shape[-1]} rows"
        )
    return CholeskySolve(bool(upper))(*same_batches(op, input, input2))


def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """A⁻¹ of each matrix A that is known by its Cholesky factor: L Lᵀ, or UᵀU if `upper`.

    input, result: (..., n, n). Raises LinAlgError where the factor has a 0 on its diagonal.
    """
    op = "cholesky_inverse"
    factor = square_matrices(op, input)
    is_zero = factor.diagonal(0, -2, -1) == 0
    if is_zero.any():
        problem = "the inversion could not be completed because the input matrix is singular: its diagonal has a zero"
        raise failure(op, factor, problem, is_zero.any(axis=-1))
    xp = array_module(factor)
    identity: Tensor = Variable.result_type(xp.eye(factor.shape[-1], dtype=factor.dtype))
    return CholeskySolve(bool(upper))(*same_batches(op, identity, input))


def _factor(op: str, a: Tensor, upper: bool) -> Tensor:
    square_matrices(op, a)
    if upper:
        return Cholesky(op)(a.mT).mT
    return Cholesky(op)(a)
