"""Copies of a tensor side by side, and elements one by one several times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError, UnsupportedError
from gpunn.ops.indexing.select import index_select
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.shape.conversion import clone, contiguous_format
from gpunn.ops.shape.dims import ints, one_dim
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def repeat(input: Tensor, repeats: Sequence[int]) -> Tensor:
    """A copy of `input`, repeats[d] times along each dimension d; new dimensions come in front."""
    times, shape = ints("repeat", "repeats", repeats), array_of("repeat", input).shape
    if len(times) < len(shape):
        raise ShapeError(
            "repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor; "
            f"got {times} for shape {shape}"
        )
    return _repeated("repeat", input, times)


def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A copy of `input`, repeated `dims` times, where the last of `dims` belongs to the last dimension."""
    times = ints("tile", "dims", dims)
    return _repeated("tile", input, (1,) * (array_of("tile", input).ndim - len(times)) + times)


def _repeated(op: str, input: Tensor, times: tuple[int, ...]) -> Tensor:
    shape = (1,) * (len(times) - input.array.ndim) + input.array.shape
    if times and min(times) < 0:
        raise ShapeError(f"{op}: cannot repeat a negative number of times, got {times} for shape {shape}")
    apart, together = [], []
    for n, k in zip(shape, times, strict=True):
        apart += [1, n]
        together += [k, n]
    copies = Expand(tuple(together))(View(tuple(apart))(input))  # (times, length) for each dimension
    result = [n * k for n, k in zip(shape, times, strict=True)]
    return View(tuple(result))(clone(copies, memory_format=contiguous_format))


@numpy_names
def repeat_interleave(
    input: Tensor | None = None,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """`input` with each element along `dim` several times in a row; without `dim`, with one dimension.

    `repeats`: how often, one number for all or a tensor of one for each. Called with a vector alone, as
    repeat_interleave(repeats), it gives the index i repeats[i] times. `output_size` is checked if given.
    """
    if input is None and dim is None:
        input, repeats = repeats, None  # type: ignore[assignment]
    given = array_of("repeat_interleave", input)
    if repeats is None:
        return Variable.result_type(_positions(input, output_size).astype(given.dtype))
    if dim is None:
        x, d = View((given.size,))(input), 0
    elif given.ndim == 0:
        raise IndexRangeError(f"repeat_interleave: Dimension out of range, got {dim} for a 0-d tensor")
    else:
        x, d = input, one_dim("repeat_interleave", dim, given.ndim)
    n = x.array.shape[d]
    if isinstance(repeats, Variable):
        counts: Tensor = repeats
        if counts.array.ndim == 0 or counts.array.shape == (1,):
            counts = Expand((n,))(counts)
        elif counts.array.ndim == 1 and counts.array.shape != (n,):
            raise ShapeError(
                "repeat_interleave: repeats must have the same size as input along dim, but got "
                f"repeats.size(0) = {counts.array.size} and input.size({d}) = {n}"
            )
        return index_select(x, d, Variable.result_type(_positions(counts, output_size)))
    return _each_repeated(x, repeats, d, output_size)


def _each_repeated(x: Any, repeats: Any, d: int, output_size: int | None) -> Tensor:
    if isinstance(repeats, (tuple, list)):
        raise ArgumentTypeError(f"repeat_interleave: repeats must be an int or a Tensor, got {repeats}")
    (times,) = ints("repeat_interleave", "repeats", repeats)
    if times < 0:
        raise ArgumentError(f"repeat_interleave: Repeats must be non-negative, got {times}")
    shape = x.array.shape
    _check_size(shape[d] * times, output_size)
    copies = Expand((*shape[: d + 1], times, *shape[d + 1 :]))(View((*shape[: d + 1], 1, *shape[d + 1 :]))(x))
    result = (*shape[:d], shape[d] * times, *shape[d + 1 :])
    return View(result)(clone(copies, memory_format=contiguous_format))


def _positions(repeats: Any, output_size: int | None) -> Array:
    """The index i repeats[i] times, for all i in order, as int64."""
    counts = repeats.array
    if counts.ndim != 1:
        raise ShapeError(f"repeat_interleave: repeats must be 0-dim or 1-dim tensor, got shape {counts.shape}")
    if counts.dtype.name not in ("int32", "int64"):
        raise UnsupportedError(f"repeat_interleave: not implemented for repeats of {counts.dtype}; use long()")
    if counts.size and counts.min() < 0:
        raise ArgumentError("repeat_interleave: repeats can not be negative")
    xp = array_module(counts)
    ends = counts.cumsum(dtype=xp.int64)
    total = int(ends[-1]) if counts.size else 0
    _check_size(total, output_size)
    return xp.searchsorted(ends, xp.arange(total, dtype=xp.int64), side="right").astype(xp.int64)


def _check_size(found: int, output_size: int | None) -> None:
    if output_size is not None and output_size != found:
        raise ArgumentError(
            f"repeat_interleave: allocated size does not match required size: output_size={output_size}, needed {found}"
        )
