"""Methods of Tensor: `@`, and the operations of gpunn/ops/linalg."""

from __future__ import annotations

from typing import Any

from gpunn.engine import Variable
from gpunn.ops.inplace import in_place
from gpunn.ops.linalg import accumulate, cholesky, covariance, determinant, exponential, inverse, products, qr, singular
from gpunn.ops.linalg.cross import cross, kron


class LinalgMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    matmul = products.matmul
    mm = products.mm
    bmm = products.bmm
    mv = products.mv
    dot = products.dot
    vdot = products.vdot
    inner = products.inner
    outer = products.outer
    ger = products.ger
    addmm = accumulate.addmm
    addmm_ = in_place(accumulate.addmm)
    addr = accumulate.addr
    addr_ = in_place(accumulate.addr)
    addmv = accumulate.addmv
    addmv_ = in_place(accumulate.addmv)
    addbmm = accumulate.addbmm
    addbmm_ = in_place(accumulate.addbmm)
    baddbmm = accumulate.baddbmm
    baddbmm_ = in_place(accumulate.baddbmm)
    cross = cross
    kron = kron
    matrix_power = inverse.matrix_power
    inverse = inverse.inverse
    det = determinant.det_of
    logdet = determinant.logdet
    matrix_exp = exponential.matrix_exp_of
    cov = covariance.cov
    corrcoef = covariance.corrcoef
    slogdet = determinant.slogdet_of
    cholesky_solve = cholesky.cholesky_solve
    cholesky_inverse = cholesky.cholesky_inverse
    cholesky = cholesky.cholesky_of
    qr = qr.qr_of
    svd = singular.svd_of
    pinverse = singular.pinverse

    def __matmul__(self, other: Any) -> Any:
        return products.matmul(self, other) if isinstance(other, Variable) else NotImplemented  # type: ignore[arg-type]

    def __rmatmul__(self, other: Any) -> Any:
        return products.matmul(other, self) if isinstance(other, Variable) else NotImplemented  # type: ignore[arg-type]
