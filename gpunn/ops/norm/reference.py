"""Norms on NumPy: the formulas, on arrays in the shape of their `Cut`. The reference for the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.norm.cut import REDUCED, SHARED, Cut
from gpunn.ops.norm.launches import CENTERED, ROOT_MEAN_SQUARE, UNIT, Statistics, compute_dtype
from gpunn.ops.reduction.accumulate import accumulated, line_dots, reduced_size, widened

BLOCK = 2**18  # elements that are worked on at a time, so that they stay in the cache
SMALLEST = 1e-30  # a sum of squares in float32 may have lost digits, or all, below


class Result(NamedTuple):
    """Normalised elements, the statistics behind them, and mean and variance in float64."""

    y: Array
    found: Statistics
    mean: Array
    var: Array


def normalised(cut: Cut, x: Array, kind: int, eps: float, weight: Array | None, bias: Array | None) -> Result:
    """x̂ · weight + bias, rounded to the type of `x`, by the statistics of `x`.

    Statistics have the shape of the cut, with ones for the axes that they are over.
    """
    x, dtype = x.reshape(cut), compute_dtype(x)
    weight, bias = [None if v is None else shared(cut, v) for v in (weight, bias)]
    shape = (cut.groups, 1, cut.inner, 1, 1)
    result = Result(
        np.empty(cut, x.dtype),
        Statistics(*[np.empty(shape, dtype) for _ in range(3)]),
        np.empty(shape),
        np.empty(shape),
    )
    for block in blocks(cut):
        values, work = widened(x[block]), result.y[block]
        if work.dtype != dtype:
            work = np.empty(values.shape, dtype)
        found, mean, var = statistics(values, kind, eps, work)
        result.mean[block], result.var[block] = mean, var
        for whole, part in zip(result.found, found, strict=True):
            whole[block] = part
        if kind == CENTERED:
            _scale(work, found)
        else:
            np.multiply(values, found.scale, out=work)
        if weight is not None:
            work *= weight
        if bias is not None:
            work += bias
        if work.dtype != x.dtype:
            result.y[block] = work
    return result


def statistics(x: Array, kind: int, eps: float, deviation: Array) -> tuple[Statistics, Array, Array]:
    """Those of `x`, which has the shape of a cut; and mean and variance in float64.

    CENTERED takes two passes, the second corrected for the rounding of the mean, and leaves x - center in `deviation`;
    the others take one, and have 0 for the mean. What is beyond the range of float32 is computed in float64.
    Source: Chan, Golub, LeVeque, Algorithms for computing the sample variance, Am. Stat. 37 (1983), eq. 1.7.
    """
    count = np.float64(reduced_size(x.shape, REDUCED))  # a NumPy number divides by zero without raising
    if kind != CENTERED:
        squares = dots(x, x)
        is_fine = (squares >= SMALLEST) & (squares < np.inf)
        if not is_fine.all():
            wide = x.astype(np.float64)
            squares = np.where(is_fine, squares, dots(wide, wide))
        zero, mean_square = np.zeros(squares.shape, x.dtype), squares / count
        root = np.sqrt(mean_square + eps) if kind == ROOT_MEAN_SQUARE else np.maximum(np.sqrt(squares), eps)
        return Statistics(zero, zero, (1 / root).astype(x.dtype)), zero, mean_square
    center = (sums(x) / count).astype(x.dtype)
    rest, squares = _around(center, x, count, deviation)
    is_fine = np.isfinite(squares)
    if not is_fine.all():
        wide = x.astype(np.float64)
        center = np.where(is_fine, center, (sums(wide) / count).astype(x.dtype))
        exact = _around(center.astype(np.float64), wide, count, np.empty_like(wide))
        rest, squares = np.where(is_fine, (rest, squares), exact)
        np.subtract(x, center, out=deviation)
    var = np.maximum(squares, 0) / count
    scale = 1 / np.sqrt(var + eps)
    is_small = np.abs(rest) * scale <= np.finfo(x.dtype).eps / 4  # half a unit in the last place of 1
    found = Statistics(center, np.where(is_small, 0, rest).astype(x.dtype), scale.astype(x.dtype))
    return found, center + rest, var


def _around(center: Array, x: Array, count: float, deviation: Array) -> tuple[Array, Array]:
    """The mean less `center`, and the sum of squared deviations from the mean; leaves x - center in `deviation`."""
    np.subtract(x, center, out=deviation)
    rest = sums(deviation) / count
    return rest, dots(deviation, deviation) - rest * rest * count


def _scale(deviation: Array, found: Statistics) -> None:
    """x̂ = (deviation - rest) · scale, in place."""
    if found.rest.any():
        deviation -= found.rest
    deviation *= found.scale


def sums(x: Array) -> Array:
    """The sums over the reduced axes of `x`, which has the shape of a cut, in float64; the axes stay."""
    return dots(x, None)


def dots(a: Array, b: Array | None) -> Array:
    """The sums of a · b, as `sums`; of `a` without `b`. By BLAS, if what is summed lies side by side."""
    groups, rows, inner, members, span = a.shape
    if rows > 1 and inner > 1:
        return np.asarray(accumulated(a if b is None else a * b, REDUCED, True), np.float64)
    lines = (groups, inner, rows * members * span)
    found = line_dots(a.reshape(lines), None if b is None else b.reshape(lines))
    return found.reshape(groups, 1, inner, 1, 1)


class Gradients(NamedTuple):
    """Of x, and of weight and bias in float64; None for those that are not wanted."""

    x: Array | None
    weight: Array | None
    bias: Array | None


def gradients(
    cut: Cut,
    dy: Array,
    x: Array,
    found: Statistics,
    kind: int,
    eps: float,
    weight: Array | None,
    wanted: tuple[bool, ...],
) -> Gradients:
    """The gradients for `dy`, those of x, weight and bias that are wanted."""
    dy, x = dy.reshape(cut), x.reshape(cut)
    weight = None if weight is None else shared(cut, weight)
    dx = np.empty(cut, x.dtype) if wanted[0] else None
    to_weight, to_bias = np.zeros(cut.channels), np.zeros(cut.channels)
    for block in blocks(cut):
        g, part = widened(dy[block]), Statistics(*[v[block] for v in found])
        normal = widened(x[block]) - part.center
        _scale(normal, part)
        if wanted[1]:
            to_weight += accumulated(g * normal, SHARED).reshape(-1)
        if wanted[2]:
            to_bias += accumulated(g, SHARED).reshape(-1)
        if dx is not None:
            dx[block] = _input_gradient(g if weight is None else g * weight, normal, part.scale, kind, eps, cut.size)
    return Gradients(dx, to_weight if wanted[1] else None, to_bias if wanted[2] else None)


def _input_gradient(g: Array, normal: Array, scale: Array, kind: int, eps: float, count: int) -> Array:
    """scale · (g - mean(g) - x̂ · mean(g · x̂)), g = weight · dy; the means are over the axes of the statistics.

    Without the first mean where none was subtracted. UNIT has a sum for the second mean, or 0 where eps was larger
    than the length. x̂, `normal`, is overwritten.
    """
    share: Any = dots(g, normal) / (1 if kind == UNIT else max(1, count))
    if kind == UNIT and eps > 0:
        share = np.where(scale >= scale.dtype.type(1 / eps), 0, share)
    normal *= share.astype(normal.dtype)
    dx = np.subtract(g, normal, out=normal)
    if kind == CENTERED:
        dx -= (sums(g) / max(1, count)).astype(dx.dtype)
    dx *= scale
    return dx


def shared(cut: Cut, parameter: Array) -> Array:
    """A weight or bias in a shape that broadcasts with arrays of the cut."""
    return widened(parameter).reshape(cut.inner, cut.members, 1)


def blocks(cut: Cut) -> Iterator[slice]:
    """Slices that cut the groups into blocks of about `BLOCK` elements."""
    step = max(1, BLOCK // max(1, cut.inner * cut.size))
    for start in range(0, cut.groups, step):
        yield slice(start, start + step)
