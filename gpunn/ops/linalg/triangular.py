"""Systems of equations with a triangular matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.indexing.triangle import tril, triu
from gpunn.ops.linalg.lapack import matrices, square_matrices
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.shape.expand import expand

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SMALL: Final = 16  # rows that are solved one after the other; more are halved, and met by products of matrices


class SolveTriangular(Function):
    """A⁻¹ B of matrices with the same dimensions in front; of A one triangle is read, and with `unit` no diagonal."""

    saves: ClassVar = {0: (0, 1)}
    saves_output = True

    def __init__(self, upper: bool, unit: bool) -> None:
        self.upper, self.unit = upper, unit

    def forward(self, a: Array, b: Array) -> Array:
        x = array_module(b).ascontiguousarray(b)
        x = x.copy() if x is b else x
        solve_rows(a, x, self.upper, self.unit)
        return x

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With respect to B it is G = A⁻ᵀ grad, with respect to A it is the triangle of -G Xᵀ."""
        to_b: Tensor = SolveTriangular(not self.upper, self.unit)(self.saved(0).mT, grad)
        if not self.needs[0]:
            return None, to_b
        triangle, inner = (triu, 1) if self.upper else (tril, -1)
        to_a = triangle(-matmul(to_b, self.saved_output().mT), inner if self.unit else 0)
        return to_a, to_b if self.needs[1] else None


def solve_rows(a: Array, x: Array, upper: bool, unit: bool) -> None:
    """Put A⁻¹ x in the place of x, as LAPACK's trtrs does, but for its refusal of a 0 on the diagonal."""
    n = a.shape[-1]
    if n > SMALL:
        half = n // 2
        first, last = slice(half), slice(half, n)
        done, rest = (last, first) if upper else (first, last)
        solve_rows(a[..., done, done], x[..., done, :], upper, unit)
        x[..., rest, :] -= a[..., rest, done] @ x[..., done, :]
        solve_rows(a[..., rest, rest], x[..., rest, :], upper, unit)
        return
    for i in range(n - 1, -1, -1) if upper else range(n):
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
        rest = slice(i) if upper else slice(i + 1, n)
        x[..., rest, :] -= a[..., rest, i, None] * x[..., i, None, :]


def solve_triangular(
    input: Tensor,
    B: Tensor,  # noqa: N803 - PyTorch's name
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """X with A X = B, or X A = B if not `left`, of each triangular matrix A, the `input`. `linalg.solve_triangular`.

    input: (..., n, n), of which the triangle that `upper` names is read; with `unitriangular` its diagonal counts as
    ones. B: (..., n, k), or (..., k, n) if not `left`; the dimensions in front broadcast. A 0 on the diagonal gives
    infinities and NaN, no error.
    """
    op = "linalg.solve_triangular"
    a, b = square_matrices(op, input), matrices(op, B)
    check_operands(op, input, B)
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise ShapeError(
            f"{op}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape} and {b.shape}): B needs {a.shape[-1]} {'rows' if left else 'columns'}"
        )
    return solved(op, input, B, bool(upper), bool(left), bool(unitriangular))


def solved(op: str, a: Tensor, b: Tensor, upper: bool, left: bool = True, unit: bool = False) -> Tensor:
    """`solve_triangular` of matrices that fit each other but for the dimensions in front, which broadcast."""
    wide_a, wide_b = same_batches(op, a, b)
    if left:
        return _solve(wide_a, wide_b, upper, unit)
    return _solve(wide_a.mT, wide_b.mT, not upper, unit).mT


def _solve(a: Any, b: Any, upper: bool, unit: bool) -> Tensor:
    found: Tensor = SolveTriangular(upper, unit)(a, b)
    return found


def same_batches(op: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """`a` and `b`, batches of matrices, with the same dimensions in front."""
    shapes = a.array.shape, b.array.shape
    try:
        front = np.broadcast_shapes(*[shape[:-2] for shape in shapes])
    except ValueError:
        raise ShapeError(f"{op}: the batches of A and B do not broadcast: {shapes[0]} and {shapes[1]}") from None
    return expand(a, (*front, *shapes[0][-2:])), expand(b, (*front, *shapes[1][-2:]))
