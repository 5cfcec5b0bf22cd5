"""Covariances and correlations of variables, the rows of a matrix of observations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.arithmetic.clamp import clamp
from gpunn.ops.indexing.diagonal import diag
from gpunn.ops.linalg.products import mm
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of the rows of `input` (variables, observations) -> (variables, variables); of one row, ().

    Σ w (x - mean)(y - mean) / (Σ w - correction Σ w a / Σ w), with the weights w = f a of each observation: how often
    it occurs, `fweights` of an integer type, and how much it counts, `aweights` of a floating type; without `aweights`
    the divisor is Σ w - correction. A divisor of 0 or less is warned of, and counts as 0.
    """
    array = array_of("cov", input)
    if array.ndim > 2:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions"
        )
    if dtypes.of(array) is dtypes.bool_:
        raise DtypeError("cov(): bool dtype is not supported for input; use x.float()")
    less = one_int("cov", "correction", correction)
    rows: Any = input if array.ndim == 2 else input.reshape(1, -1)
    count = rows.array.shape[1]
    weights: Any = None
    if fweights is not None:
        weights = _weights("fweights", fweights, count, "integral", dtypes.INTEGER)
    if aweights is not None:
        share = _weights("aweights", aweights, count, "floating point", dtypes.FLOATING)
        weights = share if weights is None else weights * share
    total: Any = count if weights is None else sum(weights)
    if weights is not None and total.item() == 0:
        raise ArgumentError("cov(): weights sum to zero, can't be normalized")
    mean = sum(rows if weights is None else rows * weights, 1) / total
    divisor: Any = total - less
    if aweights is not None and less != 0:
        divisor = total - less * sum(weights * aweights) / total
    if (divisor if weights is None else divisor.item()) <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            stacklevel=2,
        )
        divisor = rows.new_zeros(())
    centered = rows - mean.unsqueeze(1)
    products = mm(centered, (centered if weights is None else centered * weights).t())
    return (products / divisor).squeeze()


def _weights(name: str, weights: Any, count: int, wanted: str, category: int) -> Any:
    """`weights`, if they are as many as the observations, of the wanted kind and not negative."""
    array = array_of("cov", weights, name)
    if array.ndim > 1:
        raise ShapeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {array.ndim} dimensions"
        )
    if dtypes.of(array).category != category:
        raise DtypeError(f"cov(): expected {name} to have {wanted} dtype but got {name} with {dtypes.of(array)} dtype")
    if array.size != count:
        raise ShapeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{array.size} numel vs {count} observations"
        )
    if array.size and bool((array < 0).any()):
        raise ArgumentError(f"cov(): {name} cannot be negative")
    return weights


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of the rows of `input` (variables, observations): `cov` divided by both standard deviations.

    (variables, variables), in [-1, 1]; of one row, (): 1, or NaN if it does not vary.
    """
    array = array_of("corrcoef", input)
    if array.ndim > 2:
        raise ShapeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions"
        )
    covariance: Any = cov(input)
    if covariance.array.ndim == 0:
        return covariance / covariance
    deviation: Any = diag(covariance).sqrt()
    return clamp(covariance / deviation.unsqueeze(1) / deviation.unsqueeze(0), -1, 1)
