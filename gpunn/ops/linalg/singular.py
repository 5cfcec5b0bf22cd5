"""The singular value decomposition, and the pseudo-inverse, which rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError
from gpunn.ops import return_types
from gpunn.ops.indexing.diagonal import diag_embed
from gpunn.ops.linalg.eigen import off_diagonal
from gpunn.ops.linalg.lapack import NO_END, check_finite, check_square, matrices, not_finite, told_by_lapack
from gpunn.ops.linalg.products import matmul

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class SingularValues(Function):
    """U, S and Vᵀ with A = U diag(S) Vᵀ."""

    saves_output = 3
    takes_none = True

    def __init__(self, op: str, full: bool) -> None:
        self.op, self.full = op, full

    def forward(self, a: Array) -> tuple[Array, Array, Array]:
        check_finite(self.op, a)
        with told_by_lapack(self.op, a, NO_END, not_finite):
            u, s, vt = array_module(a).linalg.svd(a, full_matrices=self.full)
        return u, s, vt

    def backward(self, grad_u: Tensor | None, grad_s: Tensor | None, grad_vt: Tensor | None) -> Tensor:
        """U (skew(Uᵀ gU) / E S + S skew(Vᵀ gV) / E + diag(gS)) Vᵀ with E_ij = S_j² - S_i², and what is orthogonal.

        skew(X) = X - Xᵀ. The vectors beyond min(m, n) are any completion, and carry no gradient. Source: Townsend,
        Differentiating the singular value decomposition, 2016.
        """
        u, s, vt = (self.saved_output(i) for i in range(3))
        k = s.array.shape[-1]
        u, vt = u[..., :k], vt[..., :k, :]
        if grad_u is None and grad_vt is None:
            return matmul(u * grad_s.unsqueeze(-2), vt)  # type: ignore[union-attr]
        squares = s * s
        gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1)
        inner = None if grad_s is None else diag_embed(grad_s)
        rest = None
        if grad_u is not None:
            grad_u = grad_u[..., :k]
            turn = matmul(u.mT, grad_u)
            inner = plus(inner, off_diagonal(turn - turn.mT, gaps) * s.unsqueeze(-2))
            if u.array.shape[-2] > k:
                rest = matmul((grad_u - matmul(u, turn)) / s.unsqueeze(-2), vt)
        if grad_vt is not None:
            grad_vt = grad_vt[..., :k, :]
            turn = matmul(vt, grad_vt.mT)
            inner = plus(inner, off_diagonal(turn - turn.mT, gaps) * s.unsqueeze(-1))
            if vt.array.shape[-1] > k:
                rest = plus(rest, matmul(u, (grad_vt - matmul(turn.mT, vt)) / s.unsqueeze(-1)))
        return plus(rest, matmul(matmul(u, inner), vt))  # type: ignore[arg-type]


def plus(a: Tensor | None, b: Tensor) -> Tensor:
    """a + b; None is 0."""
    return b if a is None else a + b


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> return_types.linalg_svd:  # noqa: N803
    """U, S and Vh with A = U diag(S) Vh for each matrix: orthonormal vectors, values in descending order. `linalg.svd`.

    A: (..., m, n), k = min(m, n). U (..., m, m) or (..., m, k), S (..., k), Vh (..., n, n) or (..., k, n): with
    `full_matrices` or without. A pair of vectors may be of either sign. The gradient of the vectors is not finite where
    two values are equal, or 0 in a matrix that is not square; that of the values is. `driver` chooses among routines of
    cuSOLVER in PyTorch and is refused on the CPU, as there; on CUDA it is CuPy that chooses.
    """
    return _decompose("linalg.svd", A, full_matrices, driver)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:  # noqa: N803
    """The singular values of each matrix in descending order: those of `svd`. `linalg.svdvals`.

    A: (..., m, n). Result: (..., min(m, n)). `driver` as in `svd`.
    """
    return _decompose("linalg.svdvals", A, False, driver).S


def _decompose(op: str, a: Tensor, full: bool, driver: str | None = None) -> return_types.linalg_svd:
    array = matrices(op, a)
    if driver is not None and (a.device.type == "cpu" or driver not in ("gesvd", "gesvdj", "gesvda")):
        raise ArgumentError(
            f"{op}: keyword argument `driver=` is only supported on CUDA inputs, as 'gesvd', 'gesvdj' or 'gesvda'; "
            f"got {driver!r} for a tensor of shape {array.shape} on {a.device}"
        )
    return return_types.linalg_svd(*SingularValues(op, bool(full))(a))


def svd_of(input: Tensor, some: bool = True, compute_uv: bool = True) -> return_types.svd:
    """U, S and V with A = U diag(S) Vᵀ: `linalg.svd` with V for Vh, reduced if `some`.

    Without `compute_uv` U and V are zeros of the shape that they have with `some=False`.
    """
    shape = matrices("svd", input).shape
    u, s, vh = _decompose("svd", input, not some and compute_uv)
    if not compute_uv:
        front, (m, n) = shape[:-2], shape[-2:]
        return return_types.svd(input.new_zeros((*front, m, m)), s, input.new_zeros((*front, n, n)))
    return return_types.svd(u, s, vh.mT)


class PseudoInverse(Function):
    """V diag(1/S) Uᵀ, where 1/S is 0 for S <= max(atol, rtol max(S)); S > 0 or, if symmetric, |λ|."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def __init__(self, op: str, symmetric: bool) -> None:
        self.op, self.symmetric = op, symmetric

    def forward(self, a: Array, atol: Any, rtol: Any) -> Array:
        xp = array_module(a)
        if a.size == 0:
            return xp.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
        check_finite(self.op, a)
        with told_by_lapack(self.op, a, NO_END, not_finite):
            if self.symmetric:
                s, u = xp.linalg.eigh(a, UPLO="L")
                vt = u.mT
            else:
                u, s, vt = xp.linalg.svd(a, full_matrices=False)
        size = abs(s)
        limit = xp.maximum(_column(atol), _column(rtol) * size.max(axis=-1, keepdims=True))
        kept = size > limit
        inverse = xp.where(kept, 1 / xp.where(kept, s, xp.ones((), s.dtype)), xp.zeros((), s.dtype))
        return (vt.mT * inverse[..., None, :]) @ u.mT

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With P the result, G = grad: -Pᵀ G Pᵀ + (1 - A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (1 - P A).

        Source: Golub and Pereyra, The differentiation of pseudo-inverses, 1973: the rank must not change.
        """
        a, p = self.saved(0), self.saved_output()
        pt, gt = p.mT, grad.mT
        right = matmul(matmul(gt, p), pt)
        left = matmul(pt, matmul(p, gt))
        result = right - matmul(a, matmul(p, right)) + left - matmul(matmul(left, p), a)
        return result - matmul(matmul(pt, grad), pt), None, None


def _column(tolerance: Array) -> Array:
    return tolerance[..., None]


def pinv(
    input: Tensor,
    rcond: Tensor | float | None = None,
    hermitian: bool = False,
    *,
    atol: Tensor | float | None = None,
    rtol: Tensor | float | None = None,
) -> Tensor:
    """The pseudo-inverse of Moore and Penrose of each matrix: (..., m, n) -> (..., n, m). `linalg.pinv`.

    Singular values up to max(atol, rtol max(S)) count as 0. `atol` is 0 unless given; `rtol` is max(m, n) eps, or 0 if
    an `atol` above 0 is given; tensors of them broadcast to the batch; `rcond` is NumPy's name of `rtol`. With
    `hermitian` the matrices count as symmetric, and the lower triangle is read. The gradient is that for a rank that
    does not change.
    """
    if rcond is not None and (rtol is not None or atol is not None):
        raise ArgumentError("linalg.pinv: rcond is another name of rtol; give rcond alone, or atol and rtol")
    return _pseudo_inverse("linalg.pinv", input, atol, rtol if rcond is None else rcond, hermitian)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse of each matrix: `linalg.pinv` with `rcond` as its `rtol`."""
    return _pseudo_inverse("pinverse", input, None, rcond, False)


def _pseudo_inverse(op: str, a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    array = matrices(op, a)
    if hermitian:
        check_square(op, array)
    return PseudoInverse(op, hermitian)(a, *tolerances(array, atol, rtol))


def tolerances(a: Array, atol: Any, rtol: Any) -> tuple[Array, Array]:
    """`atol`, else 0; `rtol`, else the longer side of the matrices `a` times eps, or 0 where `atol` is above 0."""
    xp, dtype = array_module(a), a.dtype
    default = max(a.shape[-2:]) * float(dtypes.finfo(dtypes.of(a)).eps)
    absolute = _tolerance(xp, dtype, 0.0 if atol is None else atol)
    if rtol is None:
        return absolute, xp.where(absolute > 0, xp.zeros((), dtype), xp.full((), default, dtype))
    return absolute, _tolerance(xp, dtype, rtol)


def _tolerance(xp: Any, dtype: Any, given: Any) -> Array:
    if isinstance(given, Variable):
        return given.array.astype(dtype)
    return xp.full((), np.float64(given), dtype)
