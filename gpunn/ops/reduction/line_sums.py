"""Sums, variances and their gradients on a GPU: launches of kernels/reduction/sums.cu, added up in float64."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order
from gpunn.kernels.lines import Lines
from gpunn.kernels.pieces import Reduced, divided

FILE: Final = "reduction/sums"
WIDE: Final = np.dtype(np.float64)


def sums(x: Array, axes: tuple[int, ...], keepdims: bool = False, divisor: float = 1.0) -> Array:
    """Σ x / divisor over `axes` of a floating array, in its dtype. No copy is made of dense arrays."""
    order = tuple(range(x.ndim)) if x.flags.c_contiguous else memory_order(x)
    array = array_module(x).ascontiguousarray(x.transpose(order)).reshape([x.shape[axis] for axis in order])
    kept = [1 if axis in axes else x.shape[axis] for axis in order]
    if not array.size:
        array = array_module(x).full(kept, 0.0 if divisor else np.nan, x.dtype)
    else:
        array = _of_runs(array, [axis in axes for axis in order], divisor, x.dtype).reshape(kept)
    found = array.transpose(sorted(range(len(order)), key=order.__getitem__))
    return found if keepdims else found.reshape([n for axis, n in enumerate(x.shape) if axis not in axes])


def _of_runs(array: Array, is_reduced: list[bool], divisor: float, dtype: Any) -> Array:
    """The sums over neighbouring axes together, one such run after the other, from the last on."""
    runs = _runs(array.shape, is_reduced)
    inner, rest = 1, array.size
    for i, (length, reduces) in enumerate(runs):
        rest //= length
        if reduces:
            is_last = not any(reduces for _, reduces in runs[i + 1 :])
            lines = Lines(array, (), rest * inner, length, inner)
            array = _added(lines, divisor if is_last else 1.0, dtype if is_last else WIDE)
        else:
            inner *= length
    return array


def _runs(shape: tuple[int, ...], is_reduced: list[bool]) -> list[tuple[int, bool]]:
    """Lengths of neighbouring axes together, from the last, and whether they are reduced; one is, of 1 at least."""
    runs: list[tuple[int, bool]] = []
    for n, reduces in zip(reversed(shape), reversed(is_reduced), strict=True):
        if n != 1:
            if runs and runs[-1][1] == reduces:
                n *= runs.pop()[0]
            runs.append((n, reduces))
    return runs if any(reduces for _, reduces in runs) else [(1, True), *runs]


def _added(lines: Lines, divisor: float, dtype: Any, is_root: bool = False) -> Array:
    """Σ / divisor of each line, or its root, in `dtype`; of long lines pieces first."""
    while True:
        pieces = divided(lines)
        is_last = pieces.lines.number == lines.number
        y = array_module(lines.array).empty(pieces.lines.number, dtype if is_last else WIDE)
        args = (y, lines.array, *pieces.sizes, divisor if is_last else 1.0, is_root and is_last)
        kernels.launch(FILE, "line_sums", pieces.lines.threads, args)
        if is_last:
            return y
        lines = lines._replace(array=y, length=pieces.lines.number // lines.number)


def deviation(x: Array, axes: tuple[int, ...], freedom: float, is_root: bool) -> tuple[Array, Array]:
    """Σ (x - mean)² / max(0, freedom), or its root, and the mean in float64, of an array that is not empty.

    Both have the axes as 1.
    """
    reduced = Reduced(x, axes)
    lines = reduced.lines
    mean = _added(lines, float(lines.length), WIDE)
    pieces = divided(lines)
    squares = array_module(x).empty(pieces.lines.number, WIDE)
    kernels.launch(FILE, "line_squares", pieces.lines.threads, (squares, lines.array, mean, *pieces.sizes))
    rest = lines._replace(array=squares, length=pieces.lines.number // lines.number)
    y = _added(rest, max(0.0, freedom), x.dtype, is_root)
    return reduced.results_back(y, True, axes), reduced.results_back(mean, True, axes)


def deviation_gradient(
    grad: Array, x: Array, y: Array | None, mean: Array, axes: tuple[int, ...], freedom: float
) -> Array:
    """The gradient of x from that of its variance, or of its standard deviation if that is given as `y`."""
    reduced = Reduced(x, axes)
    pieces, array = divided(reduced.lines), reduced.lines.array
    dx, dy = array_module(x).empty(array.shape, x.dtype), reduced.of_lines(grad)
    args = (dx, array, reduced.of_lines(mean), dy if y is None else reduced.of_lines(y), dy, *pieces.sizes)
    kernels.launch(FILE, "deviations", pieces.lines.threads, (*args, float(freedom), y is not None))
    return reduced.back(dx)
