"""The exponential of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module, asnumpy
from gpunn.engine import Function
from gpunn.errors import DtypeError
from gpunn.ops.linalg.lapack import check_square
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.joining import cat

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

# The numerator of the Padé approximation of exp of degree 13, and the 1-norm up to which it has the digits of float64.
# Source: Higham, The scaling and squaring method for the matrix exponential revisited, 2005, table 2.3 and (2.9).
PADE: Final = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
LARGEST_NORM: Final = 5.371920351148152


class MatrixExponential(Function):
    """exp(A) = (exp(A / 2ˢ))^(2ˢ), in float64."""

    saves: ClassVar = {0: (0,)}

    def forward(self, a: Array) -> Array:
        xp = array_module(a)
        if not a.size:
            return a.copy()
        x = a.astype(np.float64)
        norm = asnumpy(xp.abs(x).sum(axis=-2).max(axis=-1))
        norm = np.where(np.isfinite(norm), norm, 0.0)  # what is not finite becomes NaN, however it is scaled
        halvings = np.maximum(np.ceil(np.log2(np.maximum(norm, 1e-300) / LARGEST_NORM)), 0).astype(np.int64)
        times = xp.asarray(halvings)[..., None, None]
        result = self.pade(xp, x * xp.exp2(-times.astype(np.float64)))
        for done in range(int(halvings.max())):
            result = xp.where(times > done, result @ result, result)
        return result.astype(a.dtype)

    @staticmethod
    def pade(xp: Any, a: Array) -> Array:
        """(V - U)⁻¹ (V + U), where U has the odd powers of the numerator and V the even ones."""
        unit = xp.eye(a.shape[-1])
        a2 = a @ a
        a4 = a2 @ a2
        a6 = a4 @ a2
        powers = (unit, a2, a4, a6)
        odd, even = ([PADE[2 * k + first] for k in range(7)] for first in (1, 0))
        high_odd, high_even = (a6 @ sum(c * p for c, p in zip(b[4:], powers[1:], strict=True)) for b in (odd, even))
        u = a @ (high_odd + sum(c * p for c, p in zip(odd[:4], powers, strict=True)))
        v = high_even + sum(c * p for c, p in zip(even[:4], powers, strict=True))
        finite = xp.isfinite(a).all(axis=(-2, -1), keepdims=True)
        below = xp.where(finite, v - u, unit)  # LAPACK need not see the others
        return xp.where(finite, xp.linalg.solve(below, xp.where(finite, v + u, unit)), xp.nan)

    def backward(self, grad: Tensor) -> Tensor:
        """The upper right block of exp [[Aᵀ, grad], [0, Aᵀ]].

        Source: Mathias, A chain rule for matrix functions, 1996.
        """
        a = self.saved(0).mT
        n = a.array.shape[-1]
        above = cat([a, grad], dim=-1)
        below = cat([a.new_zeros(a.shape), a], dim=-1)
        whole: Tensor = MatrixExponential()(cat([above, below], dim=-2))
        return whole[..., :n, n:]


def matrix_exp(input: Tensor) -> Tensor:
    """exp(A) = Σ Aᵏ / k! of each square matrix A: (..., n, n) -> (..., n, n). `linalg.matrix_exp`.

    Computed in float64, also for half types; a matrix with an infinity or a NaN gives NaN.
    """
    return _exponential("linalg.matrix_exp", input)


def matrix_exp_of(input: Tensor) -> Tensor:
    """exp(A) of each square matrix: `linalg.matrix_exp`."""
    return _exponential("matrix_exp", input)


def _exponential(op: str, a: Tensor) -> Tensor:
    array = array_of(op, a)
    if not dtypes.of(array).is_floating_point:
        raise DtypeError(f"{op}: Expected a floating point tensor as input. Got {dtypes.of(array)}; use x.float()")
    check_square(op, array)
    result: Tensor = MatrixExponential()(a)
    return result
