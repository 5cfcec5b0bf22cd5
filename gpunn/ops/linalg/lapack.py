"""What the operations of LAPACK have in common: their operands and how they fail.

Matrices are the last two dimensions, all others count them. NumPy calls LAPACK and reports what it says. CuPy calls
cuSOLVER and does not look at its report: there the result is looked at, for which the host waits, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module, asnumpy
from gpunn.errors import DtypeError, LinAlgError, ShapeError
from gpunn.ops.reduction.arguments import array_of

NO_END: Final = "The algorithm failed to converge: the input is ill-conditioned or has too many equal values"


def matrices(op: str, x: Any) -> Array:
    """The array of `x`, matrices of float32 or float64."""
    array = array_of(op, x)
    if array.ndim < 2:
        raise ShapeError(
            f"{op}: The input tensor must have at least 2 dimensions, got shape {array.shape}; of a vector, take "
            "x.unsqueeze(0) or x.unsqueeze(1)"
        )
    check_precision(op, array)
    return array


def square_matrices(op: str, x: Any) -> Array:
    """The array of `x`, square matrices of float32 or float64."""
    array = array_of(op, x)
    check_square(op, array)
    check_precision(op, array)
    return array


def check_square(op: str, array: Array) -> None:
    """Raise unless the last two dimensions are equally long."""
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ShapeError(f"{op}: A must be batches of square matrices, but they are of shape {array.shape}")


def check_precision(op: str, array: Array) -> None:
    """Raise unless LAPACK has the type of the elements."""
    have = dtypes.of(array)
    if not have.is_floating_point:
        raise DtypeError(f"{op}: Expected a floating point tensor as input. Got {have}; convert it: x.float()")
    if have.itemsize < 4:
        raise DtypeError(f"{op}: Low precision dtypes not supported. Got {have}; convert it: x.float()")


@contextmanager
def told_by_lapack(op: str, a: Array, problem: str, is_bad: Callable[[Array], Any]) -> Iterator[None]:
    """A LinAlgError of NumPy as gpunn's: `problem`, and the first of the matrices `a` that `is_bad` names."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise failure(op, a, problem, is_bad(a)) from error


def failure(op: str, a: Array, problem: str, bad: Any) -> LinAlgError:
    """The error for matrices `a`; `bad` is true for each that has the `problem`."""
    where = ""
    if a.ndim > 2 and (found := np.argwhere(asnumpy(bad))).size:
        place = tuple(int(i) for i in found[0])
        where = f"(Batch element {place[0] if len(place) == 1 else place}): "
    return LinAlgError(f"{op}: {where}{problem}; the shape is {a.shape}")


def is_singular(a: Array) -> Array:
    """Whether each matrix has no inverse in its precision."""
    return array_module(a).linalg.slogdet(a)[0] == 0


def check_finite(op: str, a: Array) -> None:
    """Raise LinAlgError if there is an infinity or a NaN: an iteration would not end, or end anywhere."""
    if not array_module(a).isfinite(a).all():
        problem = "The algorithm failed to converge because the input matrix contained non-finite values"
        raise failure(op, a, problem, not_finite(a))


def not_finite(a: Array) -> Array:
    """Whether each matrix has an infinity or a NaN."""
    return ~array_module(a).isfinite(a).all(axis=(-2, -1))
