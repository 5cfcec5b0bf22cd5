"""The nuclear norm of matrices: the sum of their singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.sums import Spread
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class NuclearNorm(Function):
    """Σ σ of each matrix in the last two dimensions. With x = U diag(σ) Vᵀ the gradient is U Vᵀ."""

    saves: ClassVar = {0: (0,)}

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        try:
            u, s, vt = array_module(x).linalg.svd(widened(x), full_matrices=False)
        except np.linalg.LinAlgError as error:
            raise ArgumentError(
                f"norm: the singular values of matrices of shape {x.shape} were not found; are all elements finite?"
            ) from error
        self.kept = u, s, vt
        return s.sum(axis=-1).astype(x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        rank = len(self.shape)
        return Spread((rank - 2, rank - 1), self.shape)(grad) * PolarFactor()(self.saved(0), *self.kept)


class PolarFactor(Function):
    """U Vᵀ of x = U diag(σ) Vᵀ; the decomposition is given."""

    def forward(self, x: Array, u: Array, s: Array, vt: Array) -> Array:
        self.kept = u, s, vt
        return (u @ vt).astype(x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return PolarSlope()(grad, *self.kept)


class PolarSlope(Function):
    """The change of U Vᵀ when x changes by `e`; as the Hessian of the norm it is its own transpose.

    U [(Uᵀe V - Vᵀeᵀ U)_ij / (σ_i + σ_j)] Vᵀ + (1 - U Uᵀ) e V σ⁻¹ Vᵀ + U σ⁻¹ Uᵀ e (1 - V Vᵀ), where 1 / 0 counts as 0.
    """

    def forward(self, e: Array, u: Array, s: Array, vt: Array) -> Array:
        self.kept = u, s, vt
        wide = widened(e)
        ut, v = u.swapaxes(-1, -2), vt.swapaxes(-1, -2)
        inner = ut @ wide @ v
        turn = (inner - inner.swapaxes(-1, -2)) * _inverse(s[..., :, None] + s[..., None, :])
        left = (wide @ v - u @ inner) * _inverse(s)[..., None, :]
        right = (ut @ wide - inner @ vt) * _inverse(s)[..., :, None]
        return (u @ turn @ vt + left @ vt + u @ right).astype(e.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return PolarSlope()(grad, *self.kept)


def _inverse(s: Array) -> Array:
    """1 / s, and 0 where s is 0."""
    where = array_module(s).where
    return where(s == 0, 0, 1 / where(s == 0, 1, s))


def nuclear_norm(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """The sum of the singular values of each matrix in the two dimensions `dim`; None if there are no others."""
    shape = input.array.shape
    rank = len(shape)
    if rank < 2:
        raise ShapeError(f"norm: the nuclear norm is of matrices: expected at least 2 dimensions, got shape {shape}")
    axes = several_dims("norm", dim, rank)
    if len(axes) != 2 or (dim is not None and hasattr(dim, "__index__")):
        raise ArgumentError(f"norm: dim must be a 2-tuple for the nuclear norm, got {dim} for shape {shape}")
    result: Tensor = NuclearNorm()(input.movedim(axes, (-2, -1)))
    return result.reshape([1 if d in axes else n for d, n in enumerate(shape)]) if keepdim else result
