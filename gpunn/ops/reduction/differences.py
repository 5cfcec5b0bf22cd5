"""Differences of neighbours, and the integral of sampled values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.shape.dims import one_dim, one_int
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.slicing import slice_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


@numpy_names
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along `dim`, `n` times over; of booleans, whether they differ.

    `prepend` and `append` are joined to the ends first.
    """
    array = array_of("diff", input)
    if array.ndim == 0:
        raise ShapeError("diff expects input to be at least one-dimensional")
    axis = one_dim("diff", dim, array.ndim)
    if one_int("diff", "n", n) < 0:
        raise ArgumentError(f"diff: order must be non-negative but got {n}")
    for other in (prepend, append):
        if other is not None and _elsewhere(array_of("diff", other).shape, axis) != _elsewhere(array.shape, axis):
            raise ShapeError(
                f"diff expects prepend or append to have the shape of input except along the differencing dimension "
                f"{axis}, got shapes {other.array.shape} and {array.shape}"
            )
    if n == 0:
        return input.clone()
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, x.array.shape[axis])):
        length = x.array.shape[axis]
        after, before = slice_dim(x, axis, 1, length), slice_dim(x, axis, 0, length - 1)
        x = after != before if dtypes.of(x.array) is dtypes.bool_ else after - before
    return x


def _elsewhere(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """How many dimensions there are, and the lengths of all but `axis`."""
    return (len(shape), *shape[:axis], *shape[axis + 1 :])


@numpy_names
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of the samples `y` along `dim`: Σ (y_i + y_(i+1)) / 2 · (x_(i+1) - x_i).

    `x` are the places of the samples, of one dimension or broadcasting with `y`; without it they are `dx`,
    or 1, apart.
    """
    array = array_of("trapezoid", y)
    if array.ndim == 0:
        raise IndexRangeError(f"trapezoid: Dimension specified as {dim} but tensor has no dimensions")
    axis = one_dim("trapezoid", dim, array.ndim)
    if dtypes.of(array) is dtypes.bool_:
        raise DtypeError("trapezoid: received a bool input for `y`, but bool is not supported; convert it: y.float()")
    length = array.shape[axis]
    if length == 0:
        return y.sum(axis)
    if x is None:
        ends = slice_dim(y, axis, 0, 1) + slice_dim(y, axis, length - 1, length)
        return (y.sum(axis) - ends.sum(axis) / 2) * (1 if dx is None else dx)
    widths = diff(_places(x, array.ndim, axis, length), dim=axis)
    heights = slice_dim(y, axis, 0, length - 1) + slice_dim(y, axis, 1, length)
    return (heights * widths).sum(axis) / 2


def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """`trapezoid` by an older name."""
    return trapezoid(y, x, dx=dx, dim=dim)


def _places(x: Tensor, rank: int, axis: int, length: int) -> Tensor:
    """`x` with as many dimensions as the samples."""
    shape = array_of("trapezoid", x).shape
    if dtypes.of(x.array) is dtypes.bool_:
        raise DtypeError("trapezoid: received a bool input for `x`, but bool is not supported; convert it: x.float()")
    if len(shape) == 1:
        if shape[0] != length:
            raise ShapeError(
                f"trapezoid: There must be one `x` value for each sample point, got {shape[0]} for {length} samples"
            )
        return x.reshape([length if d == axis else 1 for d in range(rank)])
    return x.reshape((1,) * (rank - len(shape)) + shape)
