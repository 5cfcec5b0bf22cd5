"""Systems of equations with more equations than unknowns, or fewer, or dependent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module, as_array, asnumpy
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops import return_types
from gpunn.ops.linalg.lapack import NO_END, check_finite, matrices, not_finite, told_by_lapack
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.linalg.singular import pinv
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

OP: Final = "linalg.lstsq"
DRIVERS: Final = ("gels", "gelsy", "gelsd", "gelss")
DEFAULT: Final = {"cpu": "gelsy", "cuda": "gels"}


class LeastSquares(Function):
    """The shortest X with the least |A X - B|, the rank of A and its singular values.

    X = V diag(1/S) Uᵀ B, where 1/S is 0 for S <= rcond max(S).
    """

    saves: ClassVar = {0: (0, 1), 1: (0,)}
    saves_output = True
    non_differentiable = (1, 2)

    def __init__(self, rcond: float) -> None:
        self.rcond = rcond

    def forward(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        xp = array_module(a)
        check_finite(OP, a)
        with told_by_lapack(OP, a, NO_END, not_finite):
            u, s, vt = xp.linalg.svd(a, full_matrices=False)
        kept = s > self.rcond * s[..., :1]  # in descending order
        inverse = xp.where(kept, 1 / xp.where(kept, s, xp.ones((), s.dtype)), xp.zeros((), s.dtype))
        solution = vt.mT @ (inverse[..., None] * (u.mT @ b))
        return solution, as_array(kept.sum(axis=-1)), s

    def backward(self, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """With P = A⁺, X = P B, R = B - A X: Pᵀ grad for B; -Pᵀ grad Xᵀ + R gradᵀ P Pᵀ + Pᵀ X gradᵀ (1 - P A) for A.

        Source: Golub and Pereyra, The differentiation of pseudo-inverses, 1973: the rank must not change.
        """
        a, x = self.saved(0), self.saved_output()
        p = pinv(a, rtol=self.rcond)
        to_b = matmul(p.mT, grad)
        if not self.needs[0]:
            return None, to_b
        left = matmul(self.saved(1) - matmul(a, x), matmul(to_b.mT, p.mT))
        right = matmul(matmul(p.mT, x), grad.mT)
        to_a = left - matmul(to_b, x.mT) + right - matmul(matmul(right, p), a)
        return to_a, to_b if self.needs[1] else None


def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> return_types.linalg_lstsq:
    """The X with the least |A X - B| for each matrix A, the `input`: the shortest if there are several. `linalg.lstsq`.

    input: (..., m, n), b: (..., m, k), or (..., m) for vectors. Singular values up to rcond max(S) count as 0; `rcond`
    is max(m, n) eps unless given. Result: solution (..., n, k); residuals (..., k), the sums of the squares of A X - B,
    empty unless m > n and all matrices have full rank; rank (...); singular_values (..., min(m, n)). `driver` names a
    routine of LAPACK in PyTorch. Here the singular values are always taken, and it says only which results there are:
    with "gelsd" and "gelss" all, with "gelsy" (the CPU's default) solution and rank, with "gels" (the default on CUDA)
    solution and residuals; the others are empty.
    """
    left, given = matrices(OP, input), _right_side(input, b)
    driver = DEFAULT[input.device.type] if driver is None else driver
    if driver not in DRIVERS:
        raise ArgumentError(f"{OP}: parameter `driver` should be one of {DRIVERS}, got {driver!r}")
    is_vector = left.ndim - 1 == given.ndim and given.shape == left.shape[:-1]
    right = View((*given.shape, 1))(b) if is_vector else b
    m, n = left.shape[-2:]
    if right.array.shape[-2] != m:
        raise ShapeError(f"{OP}: A and B need equally many rows; the shapes are {left.shape} and {given.shape}")
    try:
        front = np.broadcast_shapes(left.shape[:-2], right.array.shape[:-2])
    except ValueError:
        raise ShapeError(f"{OP}: the batches of A and B do not broadcast: {left.shape} and {given.shape}") from None
    limit = max(m, n) * float(dtypes.finfo(dtypes.of(left)).eps) if rcond is None else float(rcond)
    wide_a, wide_b = expand(input, (*front, m, n)), expand(right, (*front, *right.array.shape[-2:]))
    solution, rank, values = LeastSquares(limit)(wide_a, wide_b)
    residuals = solution.reshape(-1)[:0]  # of no element, but with the history of the solution, as in PyTorch
    has_residuals = driver == "gels" or (driver != "gelsy" and bool((asnumpy(rank.array) == n).all()))
    if m > n and has_residuals:
        rest = matmul(wide_a, solution) - wide_b
        residuals = sum(rest * rest, -2)
    return return_types.linalg_lstsq(
        View(solution.array.shape[:-1])(solution) if is_vector else solution,
        residuals,
        _empty(rank) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else _empty(values),
    )


def _right_side(a: Any, b: Any) -> Array:
    check_operands(OP, a, b)
    array: Array = b.array
    if array.ndim < 1:
        raise ShapeError(f"{OP}: input must have at least 1 dimension, B has shape {array.shape}")
    if array.ndim + 1 < a.array.ndim:
        raise ShapeError(
            f"{OP}: B must have as many dimensions as A, or one less; the shapes are {a.array.shape} and {array.shape}"
        )
    return array


def _empty(x: Any) -> Tensor:
    nothing: Tensor = Variable.result_type(x.array.reshape(-1)[:0].copy())
    return nothing
