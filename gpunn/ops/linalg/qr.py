"""The QR decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, UnsupportedError
from gpunn.ops import return_types
from gpunn.ops.indexing.triangle import triu
from gpunn.ops.linalg.inverse import Solve
from gpunn.ops.linalg.lapack import matrices
from gpunn.ops.linalg.products import matmul
from gpunn.ops.shape.joining import cat

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class OrthogonalTriangular(Function):
    """Q and R with A = Q R, by Householder reflections."""

    saves: ClassVar = {0: (0,)}
    saves_output = 2
    takes_none = True

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def forward(self, a: Array) -> tuple[Array, Array]:
        xp = array_module(a)
        q, r = xp.linalg.qr(a, mode=self.mode)
        return q, r

    def backward(self, grad_q: Tensor | None, grad_r: Tensor | None) -> Tensor:
        """For a tall A it is (grad Q + Q S) R⁻ᵀ with the symmetric S of the upper triangle of grad R Rᵀ - Qᵀ grad Q.

        The columns of a wide A beyond the square R₁ are Q R₂: R₂ = Qᵀ A₂ has a gradient in both. Source: Walter,
        Lehmann and Lamour, On evaluating higher-order derivatives of the QR decomposition, 2012.
        """
        q, r = self.saved_output(0), self.saved_output(1)
        rows, columns = q.array.shape[-2], r.array.shape[-1]
        if self.mode == "complete" and rows > columns:
            raise UnsupportedError(
                "linalg.qr: The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use "
                "mode='reduced'"
            )
        if rows >= columns:
            return _tall(q, r, grad_q, grad_r)
        beyond = self.saved(0)[..., rows:]
        grad_1 = grad_2 = None
        if grad_r is not None:
            grad_1, grad_2 = grad_r[..., :rows], grad_r[..., rows:]
            through = matmul(beyond, grad_2.mT)
            grad_q = through if grad_q is None else grad_q + through
        left = _tall(q, r[..., :rows], grad_q, grad_1)
        right = beyond.new_zeros(beyond.shape) if grad_2 is None else matmul(q, grad_2)
        return cat([left, right], dim=-1)


def _tall(q: Tensor, r: Tensor, grad_q: Tensor | None, grad_r: Tensor | None) -> Tensor:
    """The gradient of a matrix with at least as many rows as columns."""
    inner = None if grad_r is None else matmul(grad_r, r.mT)
    if grad_q is not None:
        turn = matmul(q.mT, grad_q)
        inner = -turn if inner is None else inner - turn
    upper = triu(inner)  # type: ignore[arg-type]
    change = matmul(q, upper + triu(upper, 1).mT)
    if grad_q is not None:
        change = change + grad_q
    result: Tensor = Solve("linalg.qr")(r, change.mT)
    return result.mT


class Triangular(Function):
    """R of A = Q R alone; a class of its own, because Q is not computed."""

    def forward(self, a: Array) -> Array:
        return array_module(a).linalg.qr(a, mode="r")

    def backward(self, grad: Tensor) -> Tensor:
        raise UnsupportedError(
            "linalg.qr: The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "mode='reduced'"
        )


def qr(A: Tensor, mode: str = "reduced") -> return_types.linalg_qr:  # noqa: N803 - PyTorch's name
    """Q with orthonormal columns and an upper triangular R with A = Q R, for each matrix. `linalg.qr`.

    A: (..., m, n), k = min(m, n). `mode`: "reduced" (Q (..., m, k), R (..., k, n)), "complete" (Q (..., m, m),
    R (..., m, n); differentiable if m <= n) or "r" (R as if reduced, an empty Q, no gradient). The signs of the
    diagonal of R are LAPACK's. The gradient needs the first k columns of A to be independent.
    """
    return return_types.linalg_qr(*_decompose("linalg.qr", A, mode))


def qr_of(input: Tensor, some: bool = True) -> return_types.qr:
    """The QR decomposition of each matrix: `linalg.qr`, reduced if `some`, else complete."""
    return return_types.qr(*_decompose("qr", input, "reduced" if some else "complete"))


def _decompose(op: str, a: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    array = matrices(op, a)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"{op}: received unrecognized mode '{mode}' but expected one of 'reduced', 'r', 'complete'")
    if mode == "r":
        nothing: Tensor = Variable.result_type(array_module(array).empty((0,), array.dtype))
        return nothing, Triangular()(a)
    q, r = OrthogonalTriangular(mode)(a)
    return q, r
