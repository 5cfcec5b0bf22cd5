"""Eigenvalues and eigenvectors of symmetric matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError
from gpunn.ops import return_types
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.indexing.diagonal import diag_embed
from gpunn.ops.linalg.lapack import NO_END, check_finite, not_finite, square_matrices, told_by_lapack
from gpunn.ops.linalg.products import matmul

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class SymmetricEigen(Function):
    """The eigenvalues in ascending order, and orthonormal eigenvectors; one triangle is read."""

    saves_output = 2
    takes_none = True

    def __init__(self, op: str, triangle: str) -> None:
        self.op, self.triangle = op, triangle

    def forward(self, a: Array) -> tuple[Array, Array]:
        check_finite(self.op, a)
        with told_by_lapack(self.op, a, NO_END, not_finite):
            values, vectors = array_module(a).linalg.eigh(a, UPLO=self.triangle)
        return values, vectors

    def backward(self, grad_values: Tensor | None, grad_vectors: Tensor | None) -> Tensor:
        """V (diag(grad λ) + (Vᵀ grad V) / E) Vᵀ with E_ij = λ_j - λ_i; eigenvectors of equal λ have no derivative."""
        values, vectors = self.saved_output(0), self.saved_output(1)
        if grad_vectors is None:
            return matmul(vectors * grad_values.unsqueeze(-2), vectors.mT)  # type: ignore[union-attr]
        turn = matmul(vectors.mT, grad_vectors)
        turn = (turn - turn.mT) * 0.5
        inner = off_diagonal(turn, values.unsqueeze(-2) - values.unsqueeze(-1))
        if grad_values is not None:
            inner = inner + diag_embed(grad_values)
        return matmul(matmul(vectors, inner), vectors.mT)


def off_diagonal(a: Tensor, divisor: Tensor) -> Tensor:
    """a / divisor of square matrices, and 0 on the diagonal, where the divisor is 0."""
    xp = array_module(a.array)
    unit: Tensor = Variable.result_type(xp.eye(a.array.shape[-1], dtype=bool))
    zero: Tensor = Variable.result_type(xp.zeros((), a.array.dtype))
    one: Tensor = Variable.result_type(xp.ones((), a.array.dtype))
    return where(unit, zero, a / where(unit, one, divisor))


def eigh(input: Tensor, UPLO: str = "L") -> return_types.linalg_eigh:  # noqa: N803 - PyTorch's name
    """The eigenvalues of each symmetric matrix in ascending order, and its eigenvectors. `linalg.eigh`.

    input: (..., n, n), of which the triangle `UPLO`, "L" or "U", is read. Result: eigenvalues (..., n), eigenvectors
    (..., n, n) in the columns, orthonormal, of any sign. The gradient of the eigenvectors is not finite where two
    eigenvalues are equal, that of the eigenvalues is. Raises LinAlgError if LAPACK does not find them.
    """
    return return_types.linalg_eigh(*_decompose("linalg.eigh", input, UPLO))


def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:  # noqa: N803 - PyTorch's name
    """The eigenvalues of each symmetric matrix in ascending order: those of `eigh`. `linalg.eigvalsh`.

    input: (..., n, n), of which the triangle `UPLO`, "L" or "U", is read. Result: (..., n). Raises LinAlgError if
    LAPACK does not find them.
    """
    return _decompose("linalg.eigvalsh", input, UPLO)[0]


def _decompose(op: str, a: Tensor, triangle: str) -> tuple[Tensor, Tensor]:
    square_matrices(op, a)
    if not isinstance(triangle, str) or triangle.upper() not in ("L", "U"):
        raise ArgumentError(f"{op}: Expected UPLO argument to be 'L' or 'U', but got {triangle}")
    values, vectors = SymmetricEigen(op, triangle.upper())(a)
    return values, vectors
