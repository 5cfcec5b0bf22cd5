"""gradient: the derivatives of sampled functions, by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.differences import diff
from gpunn.ops.shape.dims import distinct_dims
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.slicing import slice_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def gradient(
    input: Tensor, *, spacing: Any = None, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivatives of the function sampled in `input` along each of `dim`, or along all dimensions.

    `spacing` is the distance of samples, 1 unless given: a number, one for each dimension, or for each a tensor of one
    dimension with the places of the samples. Inside they are of second order, at the ends of `edge_order`, 1 or 2.
    Source: as numpy.gradient; A. Quarteroni, R. Sacco, F. Saleri, Numerical Mathematics (2007), section 10.10.
    """
    x = array_of("gradient", input)
    if dtypes.of(x) is dtypes.uint8:
        raise DtypeError("gradient: does not support uint8 input: differences may be negative; convert it: x.int()")
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: only supports edge_order=1 and edge_order=2, got {edge_order}")
    if dim is None:
        axes = tuple(range(x.ndim))
    else:
        axes = distinct_dims("gradient", (dim,) if isinstance(dim, int) else dim, x.ndim)
    several = _spacings(spacing, len(axes))
    for axis, apart in zip(axes, several, strict=True):
        _check(input, axis, apart, edge_order)
    return tuple([_along(input, axis, apart, edge_order) for axis, apart in zip(axes, several, strict=True)])


def _spacings(spacing: Any, count: int) -> list[Any]:
    """What was given for each of `count` dimensions."""
    if spacing is None or isinstance(spacing, (bool, int, float)):
        return [1 if spacing is None else spacing] * count
    if not isinstance(spacing, Sequence) or len(spacing) != count:
        raise ArgumentError(
            f"gradient: expected spacing to be unspecified, a number, or a list of length {count}, one for each "
            f"dimension, got {spacing!r}"
        )
    return list(spacing)


def _check(input: Tensor, axis: int, apart: Any, edge_order: int) -> None:
    shape = input.array.shape
    length = shape[axis] if shape else 0
    if length <= edge_order:
        raise ShapeError(
            f"gradient: expected each dimension size to be at least edge_order+1, but dimension {axis} of {shape} has "
            f"size {length} for edge_order={edge_order}"
        )
    if not isinstance(apart, Variable):
        return
    if apart.array.ndim != 1:
        raise ShapeError(f"gradient: expected each spacing tensor to have one dimension, got {apart.array.shape}")
    if apart.array.size != length:
        raise ShapeError(
            f"gradient: expected as many places as samples along dimension {axis}, got {apart.array.size} for {length}"
        )


def _along(f: Tensor, axis: int, apart: Any, edge_order: int) -> Tensor:
    """The derivative along one dimension, of samples `apart` or at the places that it has."""
    n = f.array.shape[axis]

    def at(start: int, count: int) -> Tensor:
        first = start % n
        return slice_dim(f, axis, first, first + count)

    if not isinstance(apart, Variable):
        ends = [(at(1, 1) - at(0, 1)) / apart, (at(-1, 1) - at(-2, 1)) / apart]
        if edge_order == 2:
            ends = [
                (at(0, 1) * -1.5 + at(1, 1) * 2 - at(2, 1) * 0.5) / apart,
                (at(-3, 1) * 0.5 - at(-2, 1) * 2 + at(-1, 1) * 1.5) / apart,
            ]
        return cat([ends[0], (at(2, n - 2) - at(0, n - 2)) / apart / 2, ends[1]], axis)
    places: Any = apart
    h = diff(places).reshape([n - 1 if d == axis else 1 for d in range(f.array.ndim)])
    before, after = slice_dim(h, axis, 0, n - 2), slice_dim(h, axis, 1, n - 1)
    first, last = slice_dim(h, axis, 0, 1), slice_dim(h, axis, n - 2, n - 1)
    a, b, c = (
        -after / (before * (before + after)),
        (after - before) / (before * after),
        before / (after * (before + after)),
    )
    inside = a * at(0, n - 2) + b * at(1, n - 2) + c * at(2, n - 2)
    if edge_order == 1:
        return cat([(at(1, 1) - at(0, 1)) / first, inside, (at(-1, 1) - at(-2, 1)) / last], axis)
    second, before_last = slice_dim(h, axis, 1, 2), slice_dim(h, axis, n - 3, n - 2)
    return cat([_end(at(0, 1), at(1, 1), at(2, 1), first, second), inside,
                -_end(at(-1, 1), at(-2, 1), at(-3, 1), last, before_last)], axis)  # fmt: skip


def _end(f0: Tensor, f1: Tensor, f2: Tensor, h: Tensor, k: Tensor) -> Tensor:
    """The derivative at the first of three places, h and k apart, of the parabola through the three values."""
    return -(h * 2 + k) / (h * (h + k)) * f0 + (h + k) / (h * k) * f1 - h / (k * (h + k)) * f2
