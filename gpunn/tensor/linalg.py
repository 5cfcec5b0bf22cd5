"""Methods of Tensor: `@`, and the operations of gpunn/ops/linalg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.engine import Variable
from gpunn.ops.inplace import in_place
from gpunn.ops.linalg import accumulate, products
from gpunn.ops.linalg.cross import cross, kron

if TYPE_CHECKING:
    pass


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
    addmm = accumulate.addmm
    addmm_ = in_place(accumulate.addmm)
    addmv = accumulate.addmv
    addmv_ = in_place(accumulate.addmv)
    addbmm = accumulate.addbmm
    addbmm_ = in_place(accumulate.addbmm)
    baddbmm = accumulate.baddbmm
    baddbmm_ = in_place(accumulate.baddbmm)
    cross = cross
    kron = kron

    def __matmul__(self, other: Any) -> Any:
        return products.matmul(self, other) if isinstance(other, Variable) else NotImplemented  # type: ignore[arg-type]

    def __rmatmul__(self, other: Any) -> Any:
        return products.matmul(other, self) if isinstance(other, Variable) else NotImplemented  # type: ignore[arg-type]
