"""Slices along one dimension, named by a vector: index_select, _add, _copy, _fill, _reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.indexing.bounds import Check, check_index
from gpunn.ops.indexing.element import element, filling
from gpunn.ops.indexing.getitem import Index
from gpunn.ops.indexing.mask import masked_fill
from gpunn.ops.indexing.put import IndexPut
from gpunn.ops.indexing.scatter import reduced
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of `input` along `dim` that the vector `index` names, one after the other; a copy."""
    d, at, where = _prepared("index_select", input, dim, index, "int32 int64")
    if input.array.ndim == 0 and index.array.size != 1:
        raise ShapeError(f"index_select(): Index to scalar can have only 1 value, got {index.array.size} value(s)")
    result: Tensor = Index((d,), Check("index_select", (d,)))(where, at)
    return result if input.array.ndim else View(())(result)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy of `input` with alpha * source[i] added to slice index[i] along `dim`."""
    d, at, where = _prepared("index_add", input, dim, index, "int32 int64")
    _check_source("index_add", input, d, at, source)
    added = View(at.array.shape)(source) if input.array.ndim == 0 else source
    if alpha != 1:
        added = added * element("index_add", alpha, input.array)
    return View(input.array.shape)(IndexPut((d,), Check("index_add", (d,)), accumulate=True)(where, added, at))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with slice index[i] along `dim` replaced by source[i]; the last of several stays."""
    d, at, where = _prepared("index_copy", input, dim, index, "int64")
    single = input.array.ndim < 2 and at.array.size == array_of("index_copy", source).size == 1
    if not single:
        _check_source("index_copy", input, d, at, source)
    elif source.array.dtype != input.array.dtype:
        raise _other_dtype("index_copy", input, source)
    values = View(at.array.shape)(source) if single else source
    return View(input.array.shape)(IndexPut((d,), Check("index_copy", (d,)))(where, values, at))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or 0-d tensor, in the slices along `dim` that `index` names."""
    d, at, where = _prepared("index_fill", input, dim, index, "int64")
    filled = filling("index_fill_", input, value)
    none = Variable.result_type(array_module(at.array).zeros(where.array.shape[d], bool))
    chosen = IndexPut((0,), Check("index_fill", (d,), negative=True))(none, True, at)
    mask = View((-1, *(1,) * (where.array.ndim - d - 1)))(chosen)
    return View(input.array.shape)(masked_fill(where, mask, filled))


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of `input` with slice index[i] along `dim` reduced with source[i]: "prod", "mean", "amax", "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ArgumentError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    d, at, where = _prepared("index_reduce", input, dim, index, "int32 int64")
    _check_source("index_reduce", input, d, at, source)
    shape = source.array.shape or (1,)
    numbers = expand(View((-1, *(1,) * (len(shape) - d - 1)))(at), shape)
    if input.array.ndim == 0:
        where = where.clone()  # saved for the gradient, while index_reduce_ writes into the memory of input
    result = reduced("index_reduce", where, d, numbers, View(shape)(source), reduce, include_self)
    return View(input.array.shape)(result)


def _prepared(op: str, input: Tensor, dim: int, index: Tensor, index_dtypes: str) -> tuple[int, Tensor, Tensor]:
    """`dim` in range, the index as a vector, and `input` with at least one dimension."""
    d = one_dim(op, dim, array_of(op, input).ndim)
    check_index(op, index, index_dtypes)
    if index.array.ndim > 1:
        raise IndexRangeError(f"{op}(): Index is supposed to be a vector, got shape {index.array.shape}")
    where = input if input.array.ndim else View((1,))(input)
    at = index if index.array.ndim else View((1,))(index)
    return d, at, where


def _check_source(op: str, input: Tensor, d: int, at: Tensor, source: Any) -> None:
    """Raise unless `source` has as many slices as the index has values, each like those of `input`."""
    if not isinstance(source, Variable):
        raise ArgumentTypeError(f"{op}: source must be a Tensor, got {type(source).__name__}")
    if source.array.dtype != input.array.dtype:
        raise _other_dtype(op, input, source)
    shape, given, count = input.array.shape, source.array.shape, at.array.size
    if len(given) != len(shape) or (given[:d], given[d + 1 :]) != (shape[:d], shape[d + 1 :]):
        raise ShapeError(
            f"{op}_(): source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {shape} source.shape = {given}, dim = {d}"
        )
    slices = given[d] if given else 1
    if slices != count:
        raise IndexRangeError(
            f"{op}_(): Number of indices ({count}) should be equal to source.size(dim): ({slices}), for dim: {d}"
        )


def _other_dtype(op: str, input: Tensor, source: Variable) -> DtypeError:
    return DtypeError(
        f"{op}_(): self and source expected to have the same dtype, but got {input.array.dtype} and "
        f"{source.array.dtype}"
    )
