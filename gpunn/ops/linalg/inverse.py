"""Inverses of matrices, systems of linear equations, powers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.linalg.lapack import check_square, failure, is_singular, not_finite, square_matrices, told_by_lapack
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import clone
from gpunn.ops.shape.dims import one_int
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SINGULAR: Final = "the input matrix is singular: it has no inverse; pinv gives the pseudo-inverse"


class Inverse(Function):
    """A⁻¹."""

    saves_output = True

    def __init__(self, op: str) -> None:
        self.op = op

    def forward_numpy(self, a: Array) -> Array:
        with told_by_lapack(self.op, a, SINGULAR, is_singular):
            return np.linalg.inv(a)

    def forward_cuda(self, a: Array) -> Array:
        xp = array_module(a)
        return checked(self.op, a, xp.linalg.inv(a)) if a.size else xp.empty(a.shape, a.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        """-A⁻ᵀ grad A⁻ᵀ."""
        inverse = self.saved_output().mT
        return -matmul(matmul(inverse, grad), inverse)


class Solve(Function):
    """A⁻¹ B of matrices with the same dimensions in front."""

    saves: ClassVar = {0: (0, 1)}
    saves_output = True

    def __init__(self, op: str) -> None:
        self.op = op

    def forward_numpy(self, a: Array, b: Array) -> Array:
        with told_by_lapack(self.op, a, SINGULAR, is_singular):
            return np.linalg.solve(a, b)

    def forward_cuda(self, a: Array, b: Array) -> Array:
        xp = array_module(a)
        return checked(self.op, a, xp.linalg.solve(a, b), b) if b.size else xp.empty(b.shape, b.dtype)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With respect to B it is G = A⁻ᵀ grad, with respect to A it is -G Xᵀ."""
        to_b: Tensor = Solve(self.op)(self.saved(0).mT, grad)
        to_a = -matmul(to_b, self.saved_output().mT) if self.needs[0] else None
        return to_a, to_b if self.needs[1] else None


class UnitMatrix(Function):
    """A⁰, whatever A is."""

    def forward(self, a: Array) -> Array:
        unit = array_module(a).empty_like(a)
        unit[...] = array_module(a).eye(a.shape[-1], dtype=a.dtype)
        return unit

    def backward(self, grad: Tensor) -> Tensor | None:
        return None


def checked(op: str, a: Array, result: Array, *others: Array) -> Array:
    """`result`, unless it shows that one of the finite matrices `a` has no inverse."""
    bad = not_finite(result) & ~not_finite(a)
    for other in others:
        bad = bad & ~not_finite(other)
    if bad.any():
        raise failure(op, a, SINGULAR, bad)
    return result


def inv(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The inverse of each square matrix. `linalg.inv`.

    A, result: (..., n, n) of float32 or float64. Raises LinAlgError if a matrix has none. To multiply with an inverse,
    `solve` is faster and more accurate.
    """
    return _inverse("linalg.inv", A)


def inverse(input: Tensor) -> Tensor:
    """The inverse of each square matrix: `linalg.inv`."""
    return _inverse("inverse", input)


def _inverse(op: str, a: Tensor) -> Tensor:
    square_matrices(op, a)
    return Inverse(op)(a)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:  # noqa: N803 - PyTorch's names
    """X with A X = B, or X A = B if not `left`. `linalg.solve`.

    A: (..., n, n). B: (..., n, k), or (..., k, n) if not `left`; the dimensions in front broadcast. B is a vector, or a
    batch of them, if it is (n,) or has the shape of A without its last dimension; so is the result then. Raises
    LinAlgError if a matrix has no inverse.
    """
    op = "linalg.solve"
    a = square_matrices(op, A)
    check_operands(op, A, B)
    b = B.array
    is_vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])
    if b.ndim == 0:
        raise ShapeError(f"{op}: B must have at least 1 dimension; the shapes are {a.shape} and ()")
    if is_vector and not left:
        raise ShapeError(
            f"{op}: Vector broadcasting of the left hand side is not supported for left=False; the shapes are "
            f"{a.shape} and {b.shape}; a matrix of one row is B.unsqueeze(-2)"
        )
    right = View((*b.shape, 1))(B) if is_vector else B
    front, rows = right.array.shape[:-2], right.array.shape[-2 if left else -1]
    if rows != a.shape[-1]:
        raise ShapeError(
            f"{op}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape} and {b.shape}): B needs {a.shape[-1]} {'rows' if left else 'columns'}"
        )
    try:
        batch = np.broadcast_shapes(a.shape[:-2], front)
    except ValueError:
        raise ShapeError(f"{op}: the batches of A and B do not broadcast: {a.shape} and {b.shape}") from None
    matrix = expand(A, (*batch, *a.shape[-2:]))
    right = expand(right, (*batch, *right.array.shape[-2:]))
    found: Tensor = Solve(op)(matrix, right) if left else Solve(op)(matrix.mT, right.mT).mT
    return View(found.array.shape[:-1])(found) if is_vector else found


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The product of n copies of each square matrix, of its inverse if n < 0. `linalg.matrix_power`.

    input, result: (..., k, k). The unit matrix for n = 0. log₂ n products and as many more as n has bits that are 1.
    """
    op = "linalg.matrix_power"
    check_square(op, array_of(op, input))
    power = one_int(op, "n", n)
    if power == 0:
        return UnitMatrix()(input)
    if power < 0:
        square_matrices(op, input)
        input = Inverse(op)(input)
    left, square, result = abs(power), input, None
    while True:
        if left & 1:
            result = square if result is None else matmul(result, square)
        left >>= 1
        if not left:
            break
        square = matmul(square, square)
    return clone(input) if power == 1 else result  # type: ignore[return-value]
