"""Inverses and Cholesky factors that say which matrices have none, instead of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn.backend import Array, array_module, asnumpy
from gpunn.engine import Variable
from gpunn.ops import return_types
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.linalg.cholesky import cholesky
from gpunn.ops.linalg.inverse import inv
from gpunn.ops.linalg.lapack import square_matrices
from gpunn.ops.linalg.lu import lu_factor_ex

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def inv_ex(A: Tensor, *, check_errors: bool = False) -> return_types.linalg_inv_ex:  # noqa: N803 - PyTorch's name
    """`inv`, which for a matrix without an inverse gives NaN, and in `info` the first 0 on the diagonal of its U.

    A, inverse: (..., n, n). info: (...), int32, counted from 1; 0 where there is an inverse. With `check_errors`
    LinAlgError instead.
    """
    square_matrices("linalg.inv_ex", A)
    info = lu_factor_ex(A.detach()).info
    return return_types.linalg_inv_ex(inv(A) if check_errors else _of_the_good(inv, A, info), info)


def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> return_types.linalg_cholesky_ex:
    """`cholesky`, which for a matrix that is not positive definite gives NaN, and in `info` the first bad minor.

    input, L: (..., n, n). info: (...), int32: the order of the first leading minor that is not positive; 0 where there
    is none. With `check_errors` LinAlgError instead.
    """

    def factor(a: Tensor) -> Tensor:
        return cholesky(a, upper=upper)

    a = square_matrices("linalg.cholesky_ex", input)
    host, batches = asnumpy(a), a.shape[:-2]
    found = np.array([_first_bad_minor(host[place]) for place in np.ndindex(batches)], np.int32).reshape(batches)
    info = Variable.result_type(array_module(a).asarray(found))
    lower = factor(input) if check_errors else _of_the_good(factor, input, info)
    return return_types.linalg_cholesky_ex(lower, info)


def _of_the_good(function: Any, a: Tensor, info: Tensor) -> Tensor:
    """function(a), with NaN for the matrices whose `info` is not 0: for these it is given the unit matrix."""
    bad = (info != 0)[..., None, None]
    if not bad.any():
        result: Tensor = function(a)
        return result
    unit = Variable.result_type(array_module(a.array).eye(a.shape[-1], dtype=a.array.dtype))
    return where(bad, float("nan"), function(where(bad, unit, a)))


def _first_bad_minor(matrix: Array) -> int:
    """The order of the first leading minor of a symmetric matrix that is not positive; 0 if all are."""

    def is_good(order: int) -> bool:
        try:
            return bool(np.isfinite(np.linalg.cholesky(matrix[:order, :order])).all())
        except np.linalg.LinAlgError:
            return False

    low, high = 0, len(matrix)  # the minor of order `low` is good, that of `high` is not
    if is_good(high):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_good(middle) else (low, middle)
    return high
