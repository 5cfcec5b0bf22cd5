"""The LU decomposition with partial pivoting, and systems of equations solved with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn.backend import Array, array_module, is_cuda
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from gpunn.ops import return_types
from gpunn.ops.indexing.gather import take_along_dim
from gpunn.ops.indexing.triangle import tril, triu
from gpunn.ops.linalg.lapack import failure, matrices, square_matrices
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.linalg.triangular import SMALL, solve_rows, solved
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.joining import cat

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

UNIT: Final[Any] = {"upper": False, "unit": True}


class Factors(Function):
    """L below the diagonal and U on and above it, where P L U = A, and the rows that were exchanged, as LAPACK's getrf.

    `pivots` (..., k): at step i row i changed places with row pivots[i], counted from 1.
    """

    saves_output = 2
    non_differentiable = (1,)

    def __init__(self, pivot: bool) -> None:
        self.pivot = pivot

    def forward(self, a: Array) -> tuple[Array, Array]:
        xp = array_module(a)
        m, n = self.was = a.shape[-2:]
        lu = a.reshape(math.prod(a.shape[:-2]), m, n).copy()
        pivots = xp.empty((lu.shape[0], min(m, n)), np.int32)
        pivots[...] = xp.arange(1, min(m, n) + 1)
        if lu.size:
            self._factor(xp, lu, pivots, 0, min(m, n))
            if n > m:
                lu[..., m:] = _solved_rows(lu[..., :m], lu[..., m:])
        return lu.reshape(a.shape), pivots.reshape(*a.shape[:-2], min(m, n))

    def _factor(self, xp: Any, lu: Array, pivots: Array, start: int, end: int) -> None:
        """Factor columns `start` to `end`, whose rows above `start` are done: halves, met by a product of matrices.

        Exchanges are of whole rows. Source: Toledo, Locality of reference in LU decomposition, 1997.
        """
        if end - start > SMALL:
            middle = (start + end) // 2
            self._factor(xp, lu, pivots, start, middle)
            done, rest = slice(start, middle), slice(middle, end)
            lu[:, done, rest] = _solved_rows(lu[:, done, done], lu[:, done, rest])
            lu[:, middle:, rest] -= lu[:, middle:, done] @ lu[:, done, rest]
            self._factor(xp, lu, pivots, middle, end)
            return
        batch = xp.arange(lu.shape[0])
        for i in range(start, end):
            if self.pivot:
                row = abs(lu[:, i:, i]).argmax(axis=-1) + i
                pivots[:, i] = row + 1
                there, here = lu[batch, row], lu[:, i].copy()
                lu[batch, row] = here
                lu[:, i] = there
            top = lu[:, i, i]
            lu[:, i + 1 :, i] /= xp.where(top == 0, xp.ones((), lu.dtype), top)[:, None]
            lu[:, i + 1 :, i + 1 : end] -= lu[:, i + 1 :, i, None] * lu[:, i, None, i + 1 : end]

    def backward(self, grad: Tensor, _: Tensor | None) -> Tensor:
        """With L and U square, P L⁻ᵀ (Lᵀ grad L below the diagonal, grad U Uᵀ on and above) U⁻ᵀ.

        What a wide A has beyond is L⁻¹ P₂, what a tall one has below is P₂ U⁻¹, and their gradients flow into L and U.
        """
        lu, pivots = self.saved_output(0), self.saved_output(1)
        m, n = self.was
        k = min(m, n)
        square, grad_l, grad_u = lu[..., :k, :k], tril(grad[..., :k, :k], -1), triu(grad[..., :k, :k])
        lower, upper = tril(square, -1), triu(square)
        beyond: Tensor | None = None
        if n > m:
            beyond = solved("linalg.lu", lower.mT, grad[..., k:], upper=True, unit=True)
            grad_l = grad_l - matmul(beyond, lu[..., k:].mT)
        elif m > n:
            beyond = solved("linalg.lu", upper.mT, grad[..., k:, :], upper=False, left=False)
            grad_u = grad_u - matmul(lu[..., k:, :].mT, beyond)
        inner = tril(matmul(lower.mT, grad_l) + grad_l, -1) + triu(matmul(grad_u, upper.mT))
        change = solved("linalg.lu", upper.mT, inner, upper=False, left=False)
        change = solved("linalg.lu", lower.mT, change, upper=True, unit=True)
        if beyond is not None:
            change = cat([change, beyond], -1 if n > m else -2)
        return _exchanged(change, pivots, back=True)


def _solved_rows(lower: Array, b: Array) -> Array:
    """L⁻¹ b, L with ones on its diagonal."""
    x = b.copy()
    solve_rows(lower, x, upper=False, unit=True)
    return x


def _order(pivots: Array, rows: int) -> Array:
    """Which row of A comes to each place by the exchanges: (..., k) -> (..., rows)."""
    xp, k = array_module(pivots), pivots.shape[-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), k)
    order = xp.empty((flat.shape[0], rows), np.int64)
    order[...] = xp.arange(rows)
    batch = xp.arange(flat.shape[0])
    for i in range(k if rows else 0):
        other = flat[:, i] - 1
        there, here = order[batch, other], order[:, i].copy()
        order[batch, other] = here
        order[:, i] = there
    return order.reshape(*pivots.shape[:-1], rows)


def _exchanged(b: Tensor, pivots: Tensor, back: bool = False) -> Tensor:
    """Pᵀ b, the rows of b in the order of the exchanges, or P b, in the order before; batches broadcast."""
    order = _order(pivots.array, b.array.shape[-2])
    order = order.argsort(axis=-1) if back else order
    rows: Tensor = Variable.result_type(order[..., None])
    front = np.broadcast_shapes(order.shape[:-1], b.array.shape[:-2])
    wide = expand(b, (*front, *b.array.shape[-2:]))
    return take_along_dim(wide, expand(rows, wide.array.shape), -2)


def lu_factor(A: Tensor, *, pivot: bool = True) -> return_types.linalg_lu_factor:  # noqa: N803 - PyTorch's name
    """L, whose ones are left out, and U in one matrix, and the exchanges of rows: P L U = A. `linalg.lu_factor`.

    A: (..., m, n), k = min(m, n). LU: (..., m, n). pivots: (..., k), int32: at step i rows i and pivots[i] - 1 changed
    places. Without `pivot` none do; on a GPU only, as in PyTorch. Raises LinAlgError where U has a 0 on its diagonal,
    with which nothing can be solved; `lu` does not, nor does `lu_factor_ex`.
    """
    found = return_types.linalg_lu_factor(*_factored("linalg.lu_factor", A, pivot))
    _check_regular("linalg.lu_factor", found.LU.array)
    return found


def lu_factor_ex(
    A: Tensor,  # noqa: N803
    *,
    pivot: bool = True,
    check_errors: bool = False,
) -> return_types.linalg_lu_factor_ex:
    """`lu_factor`, which instead of an error gives `info`, int32: the first 0 on the diagonal of U, from 1, else 0."""
    packed, pivots = _factored("linalg.lu_factor_ex", A, pivot)
    if check_errors:
        _check_regular("linalg.lu_factor_ex", packed.array)
    xp = array_module(packed.array)
    is_zero = packed.array.diagonal(0, -2, -1) == 0
    info = xp.zeros(is_zero.shape[:-1], np.int32)
    if is_zero.size:
        info = xp.where(is_zero.any(axis=-1), is_zero.argmax(axis=-1) + 1, 0).astype(np.int32)
    return return_types.linalg_lu_factor_ex(packed, pivots, Variable.result_type(info))


def lu(A: Tensor, *, pivot: bool = True) -> return_types.linalg_lu:  # noqa: N803
    """P, L and U with P L U = A, of each matrix. `linalg.lu`.

    A: (..., m, n), k = min(m, n). P: (..., m, m), empty without `pivot`. L: (..., m, k), with ones on its diagonal.
    U: (..., k, n). For `pivot` see `lu_factor`.
    """
    packed, pivots = _factored("linalg.lu", A, pivot)
    return return_types.linalg_lu(*_unpacked(packed, pivots if pivot else None, True))


def lu_unpack(
    LU_data: Tensor,  # noqa: N803 - PyTorch's names
    LU_pivots: Tensor,  # noqa: N803
    unpack_data: bool = True,
    unpack_pivots: bool = True,
) -> return_types.lu_unpack:
    """P, L and U of what `linalg.lu_factor` returned; empty where not `unpack_pivots`, or not `unpack_data`."""
    matrices("lu_unpack", LU_data)
    if unpack_pivots:
        _check_pivots("lu_unpack", LU_data, LU_pivots)
    return return_types.lu_unpack(*_unpacked(LU_data, LU_pivots if unpack_pivots else None, unpack_data))


def lu_solve(
    LU: Tensor,  # noqa: N803 - PyTorch's names
    pivots: Tensor,
    B: Tensor,  # noqa: N803
    *,
    left: bool = True,
    adjoint: bool = False,
) -> Tensor:
    """X with A X = B, or X A = B if not `left`, of A as `lu_factor` returned it. `linalg.lu_solve`.

    LU: (..., n, n). B: (..., n, k), or (..., k, n) if not `left`; the dimensions in front broadcast. With `adjoint` Aᵀ
    stands in the place of A.
    """
    op = "linalg.lu_solve"
    a = square_matrices(op, LU)
    b = matrices(op, B)
    check_operands(op, LU, B)
    _check_pivots(op, LU, pivots)
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise ShapeError(
            f"{op}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape} and {b.shape}): B needs {a.shape[-1]} {'rows' if left else 'columns'}"
        )
    right = B if left else B.mT
    if bool(adjoint) == bool(left):
        inner = solved(op, LU.mT, right, upper=False)
        found = _exchanged(solved(op, LU.mT, inner, upper=True, unit=True), pivots, back=True)
    else:
        found = solved(op, LU, solved(op, LU, _exchanged(right, pivots), **UNIT), upper=True)
    return found if left else found.mT


def _factored(op: str, a: Tensor, pivot: bool) -> tuple[Tensor, Tensor]:
    array = matrices(op, a)
    if not pivot and not is_cuda(array):
        raise UnsupportedError(f"{op}: LU without pivoting is not implemented on the CPU")
    packed, pivots = Factors(bool(pivot))(a)
    return packed, pivots


def _unpacked(packed: Tensor, pivots: Tensor | None, with_data: bool) -> tuple[Tensor, Tensor, Tensor]:
    xp, array = array_module(packed.array), packed.array
    m, n = array.shape[-2:]
    nothing: Tensor = Variable.result_type(xp.empty((0,), array.dtype))
    order = nothing
    if pivots is not None:
        place = _order(pivots.array, m).argsort(axis=-1)
        order = Variable.result_type((place[..., None] == xp.arange(m)).astype(array.dtype))
    if not with_data:
        return order, nothing, nothing
    k = min(m, n)
    unit: Tensor = Variable.result_type(xp.eye(m, k, dtype=array.dtype))
    return order, tril(packed[..., :, :k], -1) + unit, triu(packed[..., :k, :])


def _check_pivots(op: str, packed: Tensor, pivots: Any) -> None:
    if not isinstance(pivots, Variable) or pivots.array.dtype != np.int32:
        raise DtypeError(f"{op}: pivots should be a Tensor of scalar type gpunn.int32, as linalg.lu_factor returns it")
    shape = packed.array.shape
    wanted = (*shape[:-2], min(shape[-2:]))
    if pivots.array.shape != wanted:
        raise ShapeError(
            f"{op}: Number of pivots per batch should be same as the dimension of the matrix: {pivots.array.shape} for "
            f"matrices {shape}, expected {wanted}"
        )
    if pivots.array.size and bool(((pivots.array < 1) | (pivots.array > shape[-2])).any()):
        raise ArgumentError(f"{op}: pivots must lie between 1 and {shape[-2]}, the number of rows")


def _check_regular(op: str, packed: Array) -> None:
    """Raise LinAlgError if a U has a 0 on its diagonal."""
    is_zero = packed.diagonal(0, -2, -1) == 0
    if is_zero.any():
        problem = (
            "U has a zero on its diagonal, and using it on lu_solve would result in a division by zero. If you still "
            "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
        raise failure(op, packed, problem, is_zero.any(axis=-1))
