"""Norms on NumPy: the formulas, on arrays in the shape of their `Cut`. The reference for the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.norm.cut import REDUCED, SHARED, Cut
from gpunn.ops.norm.launches import CENTERED, ROOT_MEAN_SQUARE, UNIT, Statistics, compute_dtype
from gpunn.ops.reduction.accumulate import accumulated, moments, widened


def statistics(cut: Cut, x: Array, kind: int, eps: float) -> tuple[Statistics, tuple[Array, Array]]:
    """Those of `x`, each in the shape of the cut with ones for the axes it is over; and mean and variance."""
    dtype, values = compute_dtype(x), widened(x).reshape(cut)
    mean, squares, count = moments(values, REDUCED)
    if not np.isfinite(squares).all():  # beyond the range of float32, or no numbers
        mean, squares, count = moments(values.astype(np.float64), REDUCED)
    mean, squares = mean.astype(np.float64), squares.astype(np.float64)
    var = squares / np.float64(count)
    if kind == CENTERED:
        center = mean.astype(dtype)
        found = Statistics(center, (mean - center).astype(dtype), (1 / np.sqrt(var + eps)).astype(dtype))
        return found, (mean, var)
    zero = np.zeros(mean.shape, dtype)
    if kind == ROOT_MEAN_SQUARE:
        scale = 1 / np.sqrt(var + mean * mean + eps)
    else:
        scale = 1 / np.maximum(np.sqrt(squares + count * mean * mean), eps)
    return Statistics(zero, zero, scale.astype(dtype)), (mean, var)


def standardised(cut: Cut, x: Array, found: Statistics) -> Array:
    """x̂ = (x - center - rest) · scale, in the type that is computed in."""
    values = widened(x).reshape(cut) - found.center
    if found.rest.any():
        values -= found.rest
    values *= found.scale
    return values


def normalised(cut: Cut, x: Array, found: Statistics, weight: Array | None, bias: Array | None) -> Array:
    """x̂ · weight + bias, rounded to the type of `x`."""
    values = standardised(cut, x, found)
    if weight is not None:
        values *= shared(cut, weight)
    if bias is not None:
        values += shared(cut, bias)
    return values.astype(x.dtype, copy=False)


class Gradients(NamedTuple):
    """Of x, weight and bias; those of the parameters in the type that is computed in."""

    x: Array
    weight: Array
    bias: Array


def gradients(
    cut: Cut, dy: Array, x: Array, found: Statistics, kind: int, eps: float, weight: Array | None
) -> Gradients:
    """dx = scale · (g - mean(g) - x̂ · mean(g · x̂)) with g = weight · dy; means over the axes of the statistics.

    Without the first mean where none was subtracted. UNIT has a sum for the second mean, or 0 where eps was larger
    than the length.
    """
    dy, normal = widened(dy).reshape(cut), standardised(cut, x, found)
    product = dy * normal
    to_weight = accumulated(product, SHARED).reshape(-1)
    to_bias = accumulated(dy, SHARED).reshape(-1)
    g = dy if weight is None else dy * shared(cut, weight)
    share = accumulated(g * normal, REDUCED, True) / (1 if kind == UNIT else max(1, cut.size))
    if kind == UNIT and eps > 0:
        share = np.where(found.scale >= found.scale.dtype.type(1 / eps), 0, share)
    dx = g - normal * share.astype(normal.dtype)
    if kind == CENTERED:
        dx -= (accumulated(g, REDUCED, True) / max(1, cut.size)).astype(dx.dtype)
    dx *= found.scale
    return Gradients(dx.astype(x.dtype, copy=False), to_weight, to_bias)


def shared(cut: Cut, parameter: Array) -> Array:
    """A weight or bias in a shape that broadcasts with arrays of the cut."""
    return widened(parameter).reshape(cut.inner, cut.members, 1)
