"""Copies of a tensor side by side, and elements one by one several times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gpunn.errors import ShapeError
from gpunn.ops.shape.conversion import clone, contiguous_format
from gpunn.ops.shape.dims import ints
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def repeat(input: Tensor, repeats: Sequence[int]) -> Tensor:
    """A copy of `input`, repeats[d] times along each dimension d; new dimensions come in front."""
    times, shape = ints("repeat", "repeats", repeats), input.array.shape
    if len(times) < len(shape):
        raise ShapeError(
            "repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor; "
            f"got {times} for shape {shape}"
        )
    return _repeated("repeat", input, times)


def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A copy of `input`, repeated `dims` times, where the last of `dims` belongs to the last dimension."""
    times = ints("tile", "dims", dims)
    return _repeated("tile", input, (1,) * (input.array.ndim - len(times)) + times)


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
