"""Determinants, and their sign and logarithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array, array_module, as_array
from gpunn.engine import Function, Variable
from gpunn.errors import UnsupportedError
from gpunn.ops import return_types
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.linalg.inverse import Inverse
from gpunn.ops.linalg.lapack import square_matrices

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Determinant(Function):
    """det A. The gradient is the matrix of cofactors, which singular matrices have, too."""

    saves: ClassVar = {0: (0,)}

    def forward(self, a: Array) -> Array:
        return array_module(a).linalg.det(a)

    def backward(self, grad: Tensor) -> Tensor:
        return grad.unsqueeze(-1).unsqueeze(-1) * Cofactors()(self.saved(0))


class Cofactors(Function):
    """d det A / dA. With A = U diag(s) Vᵀ it is ±U diag(Π_{k≠i} s_k) Vᵀ, where ± is det U det V."""

    saves: ClassVar = {0: (0,)}

    def forward(self, a: Array) -> Array:
        xp = array_module(a)
        u, s, vt = xp.linalg.svd(a)
        without_one = _product(xp, s[..., None, :], _unit(xp, s))
        return (u * (_sign(xp, u, vt) * without_one)[..., None, :]) @ vt

    def backward(self, grad: Tensor) -> Tensor:
        return CofactorsChange()(grad, self.saved(0))


class CofactorsChange(Function):
    """The change of the cofactors of `a` in the direction `e`; as the Hessian of det it is its own transpose.

    With F = Uᵀ e V and P_ij = Π_{k≠i,j} s_k it is ±U M Vᵀ: M_ij = -P_ij F_ji, and M_ii = Σ_{j≠i} P_ij F_jj.
    """

    saves: ClassVar = {1: (0,)}

    def forward(self, e: Array, a: Array) -> Array:
        xp = array_module(a)
        u, s, vt = xp.linalg.svd(a)
        unit = _unit(xp, s)
        without_two = _product(xp, s[..., None, None, :], unit[:, None, :] | unit[None, :, :])
        without_two = xp.where(unit, xp.zeros((), a.dtype), without_two)
        inner = u.mT @ e @ vt.mT
        diagonal = (without_two @ inner.diagonal(0, -2, -1)[..., None])[..., 0]
        change = xp.where(unit, diagonal[..., None], -without_two * inner.mT)
        return (u * _sign(xp, u, vt)[..., None]) @ change @ vt

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        if self.needs[1]:
            raise UnsupportedError(
                "det: there are two derivatives, this is the third; for matrices that have an inverse, write the "
                "determinant as sign * logabsdet.exp() of linalg.slogdet"
            )
        return CofactorsChange()(grad, self.saved(1)), None


def _unit(xp: Any, s: Array) -> Array:
    return xp.eye(s.shape[-1], dtype=bool)


def _product(xp: Any, s: Array, left_out: Array) -> Array:
    """The products of the last dimension of `s` without those that are `left_out`."""
    return xp.where(left_out, xp.ones((), s.dtype), s).prod(axis=-1)


def _sign(xp: Any, u: Array, vt: Array) -> Array:
    """det U det V of orthogonal matrices, 1 or -1, with one dimension more."""
    return xp.sign(xp.linalg.det(u) * xp.linalg.det(vt))[..., None]


class SignedLogarithm(Function):
    """The sign of det A, a constant, and log |det A|, whose gradient is A⁻ᵀ."""

    saves: ClassVar = {0: (0,)}
    takes_none = True

    def __init__(self, op: str) -> None:
        self.op = op

    def forward(self, a: Array) -> tuple[Array, Array]:
        sign, log = array_module(a).linalg.slogdet(a)
        return as_array(sign), as_array(log)

    def backward(self, grad_sign: Tensor | None, grad: Tensor | None) -> Tensor | None:
        if grad is None:
            return None
        return grad.unsqueeze(-1).unsqueeze(-1) * Inverse(self.op)(self.saved(0)).mT


def det(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The determinant of each square matrix: (..., n, n) -> (...). `linalg.det`.

    It has two derivatives everywhere, also where the determinant is 0.
    """
    return _determinant("linalg.det", A)


def det_of(input: Tensor) -> Tensor:
    """The determinant of each square matrix: `linalg.det`."""
    return _determinant("det", input)


def _determinant(op: str, a: Tensor) -> Tensor:
    square_matrices(op, a)
    return Determinant()(a)


def slogdet(A: Tensor) -> return_types.linalg_slogdet:  # noqa: N803 - PyTorch's name
    """The sign of the determinant of each square matrix, and log |det A|. `linalg.slogdet`.

    (..., n, n) -> (sign, logabsdet), each (...): for determinants that are too large or small for their type. Of a
    singular matrix they are 0 and -inf, and there is no gradient: LinAlgError.
    """
    return return_types.linalg_slogdet(*_signed_logarithm("linalg.slogdet", A))


def slogdet_of(input: Tensor) -> return_types.slogdet:
    """The sign and the logarithm of the determinant of each square matrix: `linalg.slogdet`."""
    return return_types.slogdet(*_signed_logarithm("slogdet", input))


def _signed_logarithm(op: str, a: Tensor) -> tuple[Tensor, Tensor]:
    square_matrices(op, a)
    sign, logarithm = SignedLogarithm(op)(a)
    return sign, logarithm


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of each square matrix: -inf if it is 0, NaN if it is negative.

    (..., n, n) -> (...). As that of `slogdet`, whose sign tells the two apart, for determinants of any size.
    """
    sign, logarithm = _signed_logarithm("logdet", input)
    is_negative: Tensor = Variable.result_type(sign.array == -1)
    return where(is_negative, math.nan, logarithm)
