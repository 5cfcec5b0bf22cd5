"""Norms on NumPy: the formulas, on arrays in the shape of their `Cut`. The reference for the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.norm.cut import REDUCED, SHARED, Cut
from gpunn.ops.norm.launches import CENTERED, ROOT_MEAN_SQUARE, UNIT, Statistics, compute_dtype
from gpunn.ops.reduction.accumulate import accumulated, moments, widened

BLOCK = 2**18  # elements that are worked on at a time, so that they stay in the cache


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
        values = widened(x[block])
        found, mean, var = statistics(values, kind, eps)
        result.mean[block], result.var[block] = mean, var
        for whole, part in zip(result.found, found, strict=True):
            whole[block] = part
        values = standardised(values, found)
        if weight is not None:
            values *= weight
        if bias is not None:
            values += bias
        result.y[block] = values
    return result


def statistics(x: Array, kind: int, eps: float) -> tuple[Statistics, Array, Array]:
    """Those of `x`, which has the shape of a cut; and mean and variance in float64."""
    mean, squares, count = [np.asarray(v, np.float64) for v in moments(x, REDUCED)]
    is_fine = np.isfinite(squares)
    if not is_fine.all():  # beyond the range of float32, or no numbers
        again = moments(x.astype(np.float64), REDUCED)
        mean, squares = np.where(is_fine, mean, again[0]), np.where(is_fine, squares, again[1])
    var = squares / count
    if kind == CENTERED:
        center = mean.astype(x.dtype)
        found = Statistics(center, (mean - center).astype(x.dtype), (1 / np.sqrt(var + eps)).astype(x.dtype))
        return found, mean, var
    zero = np.zeros(mean.shape, x.dtype)
    if kind == ROOT_MEAN_SQUARE:
        scale = 1 / np.sqrt(var + mean * mean + eps)
    else:
        scale = 1 / np.maximum(np.sqrt(squares + count * mean * mean), eps)
    return Statistics(zero, zero, scale.astype(x.dtype)), mean, var


def standardised(x: Array, found: Statistics) -> Array:
    """x̂ = (x - center - rest) · scale, in the type that is computed in."""
    values = x - found.center
    if found.rest.any():
        values -= found.rest
    values *= found.scale
    return values


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
        normal = standardised(widened(x[block]), part)
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
    than the length.
    """
    share: Any = accumulated(g * normal, REDUCED, True) / (1 if kind == UNIT else max(1, count))
    if kind == UNIT and eps > 0:
        share = np.where(scale >= scale.dtype.type(1 / eps), 0, share)
    dx = g - normal * share.astype(normal.dtype)
    if kind == CENTERED:
        dx -= (accumulated(g, REDUCED, True) / max(1, count)).astype(dx.dtype)
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
