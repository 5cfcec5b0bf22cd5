"""Values written where an index says along one dimension: scatter, scatter_add, scatter_reduce."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, UnsupportedError
from gpunn.ops.indexing.along import Scatter, ScatterAdd, ScatterExtreme, ScatterProd
from gpunn.ops.indexing.bounds import Check
from gpunn.ops.indexing.element import element
from gpunn.ops.indexing.gather import check_along
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

KINDS = ("sum", "prod", "mean", "amax", "amin")


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy of `input` with out[i, index[i, j, k], k] = src[i, j, k] for dim = 1, likewise for other dims.

    `index` is no larger than `src`, and than `input` but in `dim`. `src` may be a number. Where a place is
    named twice, the last value stays. `reduce` "add" or "multiply" combines with what is there instead.
    """
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce argument must be either add or multiply, got {reduce!r}")
    d = one_dim("scatter", dim, array_of("scatter", input).ndim)
    values: Any = src
    if isinstance(src, Variable):
        check_source("scatter", input, d, index, src)
    else:
        check_along("scatter", input, d, index)
        number: Any = value if src is None else src
        values = element("scatter", number.item() if hasattr(number, "item") else number, input.array)
    if _is_nothing(input, index):
        return input.clone()
    kind = Scatter if reduce is None else ScatterAdd if reduce == "add" else ScatterProd
    result: Tensor = kind(d, Check("scatter", (d,)))(input, values, index)
    return result


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` with src[i, j, k] added to out[i, index[i, j, k], k] for dim = 1, likewise for others."""
    d = one_dim("scatter_add", dim, array_of("scatter_add", input).ndim)
    check_source("scatter_add", input, d, index, src)
    if _is_nothing(input, index):
        return input.clone()
    return ScatterAdd(d, Check("scatter_add", (d,)))(input, src, index)


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of `input`, where each place that `index` names is reduced over the values of `src` sent there.

    `reduce` is "sum", "prod", "mean", "amax" or "amin". The old value counts too, unless `include_self` is
    False.
    """
    if reduce not in KINDS:
        raise ArgumentError(f"scatter_reduce: reduce argument must be either {', '.join(KINDS)}, got {reduce}")
    d = one_dim("scatter_reduce", dim, array_of("scatter_reduce", input).ndim)
    check_source("scatter_reduce", input, d, index, src)
    if _is_nothing(input, index):
        return input.clone()
    return reduced("scatter_reduce", input, d, index, src, reduce, include_self)


def reduced(op: str, x: Tensor, d: int, index: Tensor, src: Tensor, how: str, include_self: bool) -> Tensor:
    """scatter_reduce with its arguments checked."""
    if how == "mean" and x.array.dtype.kind == "b":
        raise UnsupportedError(f"{op}: mean is not implemented for bool; use x.float()")
    check = Check(op, (d,))
    start = x if include_self else Scatter(d, check)(x, _identity(how, x.array), index)
    if how == "prod":
        return ScatterProd(d, check)(start, src, index)
    if how in ("amax", "amin"):
        return ScatterExtreme(d, how, check)(start, src, index)
    total: Tensor = ScatterAdd(d, check)(start, src, index)
    if how == "sum":
        return total
    count = _count(x.array, d, index, include_self)
    return (
        total / count.to(x.dtype) if x.array.dtype.kind in "fV" else total.div(count, rounding_mode="floor").to(x.dtype)
    )


def _is_nothing(input: Tensor, index: Tensor) -> bool:
    """Whether `index` is empty and of another rank than `input`, so that it names no place."""
    return index.array.size == 0 and max(index.array.ndim, 1) != max(input.array.ndim, 1)


def _identity(how: str, x: Array) -> bool | int | float:
    """The number of the type of `x` that changes nothing in a reduction."""
    kind = x.dtype.kind
    if how in ("sum", "mean", "prod"):
        return int(how == "prod")
    if kind in "fV":
        return -math.inf if how == "amax" else math.inf
    if kind == "b":
        return how == "amin"
    info = np.iinfo(x.dtype)
    return int(info.min if how == "amax" else info.max)


def _count(x: Array, d: int, index: Tensor, include_self: bool) -> Tensor:
    """How many values come together at each place of `x`; 1 where none do."""
    xp = array_module(x)
    ones: Any = Variable.result_type(xp.ones(x.shape, "int64"))
    if include_self:
        return ScatterAdd(d)(ones, 1, index)
    return ScatterAdd(d)(Scatter(d)(ones, 0, index), 1, index)


def check_source(op: str, input: Any, d: int, index: Any, src: Any) -> None:
    """Raise unless `index` and `src` fit `input` and each other."""
    if not isinstance(src, Variable):
        raise ArgumentTypeError(f"{op}: src must be a Tensor, got {type(src).__name__}")
    check_along(op, input, d, index, src)
    if src.array.dtype != input.array.dtype:
        raise DtypeError(
            f"{op}(): Expected self.dtype to be equal to src.dtype, got {dtypes.of(input.array)} and "
            f"{dtypes.of(src.array)}"
        )
