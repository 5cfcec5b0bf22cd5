"""The points of grids, and the indices of triangles."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, UnsupportedError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.dims import ints, one_int
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.permutation import transpose
from gpunn.ops.shape.pieces import Stack
from gpunn.ops.shape.views import View, flatten

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of the points of a grid: of vectors of n₀, n₁, … elements, views of shape (n₀, n₁, …).

    With indexing="xy", instead of "ij", the first two dimensions are swapped: a picture of n₁ rows and n₀ columns.
    """
    axes = _vectors("meshgrid", tensors)
    if indexing not in (None, "ij", "xy"):
        raise ArgumentError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing!r}')
    shape = tuple([x.array.size for x in axes])
    grids = [
        Expand(shape)(View((1,) * d + (x.array.size,) + (1,) * (len(axes) - 1 - d))(x)) for d, x in enumerate(axes)
    ]
    if indexing == "xy" and len(axes) > 1:
        grids = [transpose(grid, 0, 1) for grid in grids]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, as rows; of one vector the vector itself."""
    for x in tensors:
        if isinstance(x, Variable) and x.array.ndim != 1:
            raise ShapeError(f"cartesian_prod: Expect a 1D vector, but got shape {list(x.array.shape)}")
    columns = [flatten(grid) for grid in meshgrid(*tensors)]
    stacked: Tensor = columns[0] if len(columns) == 1 else Stack(1)(*columns)
    return stacked


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, as rows (number, r) in the order of itertools.combinations.

    `with_replacement`: an element may be chosen more than once. r = 0 gives shape (0,).
    """
    values = array_of("combinations", input)
    if values.ndim != 1:
        raise ShapeError(f"combinations: Expect a 1D vector, but got shape {list(values.shape)}")
    if one_int("combinations", "r", r) < 0:
        raise ArgumentError(f"combinations: Expect a non-negative number, but got {r}")
    if r == 0:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    flat = itertools.chain.from_iterable(choose(range(values.size), r))
    rows = np.fromiter(flat, np.int64).reshape(-1, r)
    chosen: Tensor = Variable.result_type(backend.to_device(rows, backend.device_of(values)))
    return input[chosen]


def _vectors(op: str, tensors: tuple[Any, ...]) -> list[Any]:
    listed = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
    axes = list(tensors[0] if listed else tensors)
    if not axes:
        raise ArgumentError(f"{op} expects a non-empty list of Tensors")
    for x in axes:
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: expected Tensors, got {type(x).__name__}")
        if x.array.ndim > 1:
            raise ShapeError(f"{op}: Expected 0D or 1D tensor in the tensor list but got shape {x.array.shape}")
        if x.array.dtype != axes[0].array.dtype:
            raise DtypeError(
                f"{op} expects all tensors to have the same dtype, got {axes[0].array.dtype} and {x.array.dtype}"
            )
    return axes


@dense
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = dtypes.int64, device: DeviceLike = None
) -> Tensor:
    """Rows and columns (2, n) of the elements on and below diagonal `offset` of a (row, col) matrix."""
    return _triangle("tril_indices", row, col, offset, True, dtype, device)


@dense
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = dtypes.int64, device: DeviceLike = None
) -> Tensor:
    """Rows and columns (2, n) of the elements on and above diagonal `offset` of a (row, col) matrix."""
    return _triangle("triu_indices", row, col, offset, False, dtype, device)


def _triangle(op: str, row: int, col: int, offset: int, lower: bool, dtype: dtype | None, device: DeviceLike) -> Tensor:
    rows, columns, diagonal = (*ints(op, "row", row), *ints(op, "col", col), *ints(op, "offset", offset))
    for name, length in (("row", rows), ("col", columns)):
        if length < 0:
            raise ArgumentError(f"{op}: {name} must be non-negative, got {length}")
    to = dtypes.as_dtype(dtype or dtypes.int64)
    if to not in (dtypes.int64, dtypes.int32):
        raise UnsupportedError(f"{op}: not implemented for {to.name}; indices are int64 or int32")
    where = backend.as_device(device)
    xp = backend.module_of(where)
    with backend.placed_on(where):
        below = xp.tri(rows, columns, diagonal if lower else diagonal - 1, dtype=bool)
        found = xp.stack(xp.nonzero(below if lower else ~below))
    return Variable.result_type(found.astype(to.numpy))
