"""Quantiles: values below which a given fraction of the elements lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.indexing.gather import Gather
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.reduction.sorting import Sort
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.value_range import check_range

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@numpy_names
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The values below which the fraction `q` of the elements along `dim`, or of all, lies.

    q in [0, 1] is a number or a tensor; for a 1-d tensor its length is the first dimension of the result.
    Between the elements at ranks below and above q (n - 1) the result is interpolated linearly, or as
    `interpolation` says: "lower", "higher", "midpoint", "nearest" (to the even rank). NaN if there is a NaN.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, skip_nan=False)


@numpy_names
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """As `quantile`, of the elements that are not NaN; NaN if there are none."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, skip_nan=True)


def _quantile(
    op: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, *, skip_nan: bool
) -> Tensor:
    array = array_of(op, input)
    fractions = _checked_fractions(op, array, q, interpolation)
    if dim is None:
        row, rest, kept = input.reshape(-1), (), (1,) * array.ndim
    else:
        axis = one_dim(op, dim, array.ndim)
        row = input.movedim(axis, -1) if array.ndim else input.reshape(1)
        rest = row.array.shape[:-1]
        kept = tuple([1 if d == axis else n for d, n in enumerate(array.shape)])
    values = Sort(row.array.ndim - 1, descending=False)(row)[0]
    found = _interpolated(values, _ranks(values, fractions.reshape(-1), skip_nan), interpolation)
    return found.movedim(-1, 0).reshape((*fractions.array.shape, *(kept if keepdim else rest)))


def _checked_fractions(op: str, array: Array, q: Any, interpolation: str) -> Any:
    """`q` as a tensor of the type of `array`."""
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"{op}() interpolation must be one of {', '.join(INTERPOLATIONS)}, but got {interpolation}")
    if dtypes.of(array) not in (dtypes.float32, dtypes.float64):
        raise DtypeError(
            f"{op}() input tensor must be either float or double dtype, got {dtypes.of(array)}; convert it: x.float()"
        )
    if array.size == 0:
        raise ArgumentError(f"{op}() input tensor must be non-empty, got shape {array.shape}")
    if not isinstance(q, Variable):
        if not 0 <= q <= 1:
            raise ArgumentError(f"{op}() q must be in the range [0, 1] but got {q}")
        return Variable.result_type(array_module(array).full((), q, array.dtype))
    if q.array.ndim > 1:
        raise ShapeError(f"{op}() q must be a scalar or 1D tensor, got shape {q.array.shape}")
    if q.array.dtype != array.dtype:
        raise DtypeError(
            f"{op}() q tensor must be same dtype as the input tensor, got {dtypes.of(q.array)} and {dtypes.of(array)}"
        )
    check_range(f"{op}() q values must be in the range [0, 1]", q.array, 0.0, 1.0)
    return q


def _ranks(values: Tensor, fractions: Tensor, skip_nan: bool) -> Tensor:
    """q (n - 1) for each row of the sorted `values`: (..., n) and (m,) give (..., m)."""
    xp, x = array_module(values.array), values.array
    numbers = (x == x).sum(axis=-1, dtype=np.int64, keepdims=True)
    if skip_nan:
        return fractions * Variable.result_type(xp.maximum(numbers - 1, 0))
    last = x.shape[-1] - 1
    has_nan = numbers <= last  # then the rank is that of a NaN
    ranks = (fractions * last).expand(*x.shape[:-1], fractions.array.shape[0])
    return masked(ranks, Variable.result_type(~has_nan)) + Variable.result_type(has_nan * last)


def _interpolated(values: Tensor, ranks: Tensor, interpolation: str) -> Tensor:
    """The elements of the sorted `values` at `ranks`, which may lie between two of them."""
    xp = array_module(ranks.array)
    axis = values.array.ndim - 1
    rounding = {"higher": xp.ceil, "nearest": xp.rint}.get(interpolation, xp.floor)
    below = Variable.result_type(rounding(ranks.array).astype(np.int64))
    at_below: Tensor = Gather(axis)(values, below)
    if interpolation not in ("linear", "midpoint"):
        return at_below
    above = Variable.result_type(xp.ceil(ranks.array).astype(np.int64))
    at_above: Tensor = Gather(axis)(values, above)
    return at_below.lerp(at_above, 0.5 if interpolation == "midpoint" else ranks - below)
