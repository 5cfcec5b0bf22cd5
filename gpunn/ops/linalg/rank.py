"""How far matrices are from singular ones: ranks and condition numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpunn.backend import array_module
from gpunn.engine import Variable, no_grad
from gpunn.errors import ArgumentError
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.linalg.eigen import eigvalsh
from gpunn.ops.linalg.inverse import inv
from gpunn.ops.linalg.lapack import check_square, is_singular, matrices
from gpunn.ops.linalg.norms import ORDERS, matrix_norm
from gpunn.ops.linalg.singular import svdvals, tolerances

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def matrix_rank(
    input: Tensor,
    tol: Tensor | float | None = None,
    hermitian: bool = False,
    *,
    atol: Tensor | float | None = None,
    rtol: Tensor | float | None = None,
) -> Tensor:
    """How many singular values of each matrix are above max(atol, rtol max(S)). `linalg.matrix_rank`.

    input: (..., m, n). Result: (...), int64. `atol` is 0 unless given; `rtol` is max(m, n) eps, or 0 if an `atol` above
    0 is given; tensors of them broadcast to the batch; `tol` is an older name of `atol`, with an `rtol` of 0. With
    `hermitian` the matrices count as symmetric, and the sizes of their eigenvalues are taken.
    """
    op = "linalg.matrix_rank"
    if tol is not None and (atol is not None or rtol is not None):
        raise ArgumentError(f"{op}: tol is another name of atol; give tol alone, or atol and rtol")
    array = matrices(op, input)
    if hermitian:
        check_square(op, array)
    absolute, relative = tolerances(array, atol if tol is None else tol, rtol if tol is None else 0.0)
    with no_grad():
        sizes = abs((eigvalsh if hermitian else svdvals)(input).array)
    largest = array_module(array).amax(sizes, axis=-1) if sizes.size else 0
    limit = array_module(array).maximum(absolute, relative * largest)
    return Variable.result_type((sizes > limit[..., None]).sum(axis=-1, dtype=np.int64))


def cond(input: Tensor, p: float | str | None = None) -> Tensor:
    """The condition number of each matrix, norm(A) norm(A⁻¹), infinite if it has no inverse. `linalg.cond`.

    input: (..., m, n), square but for p = 2 and -2. Result: (...). `p` is an order of `linalg.matrix_norm`; None is 2,
    the largest singular value divided by the smallest.
    """
    op = "linalg.cond"
    array = matrices(op, input)
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        if array.size == 0:
            return input.new_zeros(array.shape[:-2])
        values = svdvals(input)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    if p not in (*ORDERS, "fro", "nuc"):
        raise ArgumentError(
            f"{op}: got an invalid norm type: {p}; give 'fro', 'nuc', 1, 2, inf or one of these negated"
        )
    check_square(op, array)
    if array.size == 0:
        return input.new_zeros(array.shape[:-2])
    singular = Variable.result_type(is_singular(array))
    identity = Variable.result_type(array_module(array).eye(array.shape[-1], dtype=array.dtype))
    regular = where(singular[..., None, None], identity, input)
    return (matrix_norm(input, p) * matrix_norm(inv(regular), p)).masked_fill(singular, float("inf"))
