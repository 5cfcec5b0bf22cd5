"""Batch normalisation on NumPy, with BLAS for the sums: the reference for the kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.norm.channels import Channels, as_images, by_channels, dots, sums
from gpunn.ops.norm.launches import Running, compute_dtype


class Moments(NamedTuple):
    """Mean and variance of each channel, in float64. The mean is center + rest; center fits the dtype of the input."""

    center: Array
    rest: Array
    var: Array


def batch_moments(x: Array) -> Moments:
    """The moments of the channels of `x`."""
    found = _moments(by_channels(x), compute_dtype(x))
    is_fine = np.isfinite(found.var)
    if is_fine.all():
        return found
    wide = _moments(by_channels(x), np.dtype(np.float64))  # beyond the range of float32, or no numbers
    again = given_moments(wide.center + wide.rest, wide.var, x)
    center, rest, var = [np.where(is_fine, v, other) for v, other in zip(found, again, strict=True)]
    return Moments(center, rest, var)


def given_moments(mean: Array, var: Array, x: Array) -> Moments:
    """The moments as given, in float64."""
    mean = mean.astype(np.float64)
    center = mean.astype(compute_dtype(x)).astype(np.float64)
    return Moments(center, mean - center, var.astype(np.float64))


def follow(running: Running, mean: Array, var: Array, count: int) -> None:
    """running = (1 - momentum) · running + momentum · moment, in place; the variance unbiased, of `count` values."""
    for array, moment in ((running.mean, mean), (running.var, var * (count / (count - 1)))):
        new = array.astype(np.float64) * (1 - running.momentum) + moment * running.momentum
        array[...] = new.astype(array.dtype)


def normalised(
    x: Array, found: Moments, scale: Array, weight: Array | None, bias: Array | None, z: Array | None = None
) -> Array:
    """(x - mean) · scale · weight + bias, + z if there is one."""
    parts, dtype = by_channels(x), compute_dtype(x)
    others = None if z is None else by_channels(z, like=x)
    factor = scale if weight is None else scale * weight.astype(np.float64)
    offset = -found.rest * factor
    if bias is not None:
        offset = offset + bias.astype(np.float64)
    center, factor, offset = [parts.spread(v.astype(dtype)) for v in (found.center, factor, offset)]
    y = np.empty(parts.array.shape, x.dtype)
    for block in parts.blocks():
        values = np.subtract(parts.array[block].astype(dtype, copy=False), center)
        values *= factor
        if others is None:
            np.add(values, offset, out=y[block])
        else:
            values += offset
            np.add(values, others.array[block].astype(dtype, copy=False), out=y[block])
    return as_images(y, x)


class Gradients(NamedTuple):
    """Of x, and of weight and bias in float64; None for those that are not wanted."""

    x: Array | None
    weight: Array | None
    bias: Array | None


def gradients(
    grad: Array, x: Array, weight: Array | None, found: Any, is_constant: bool, wanted: tuple[bool, ...]
) -> Gradients:
    """dx = weight · scale · (dy - mean(dy) - x̂ · mean(dy · x̂)), or weight · scale · dy if the moments are constant."""
    parts, grads, dtype = by_channels(x), by_channels(grad, like=x), compute_dtype(x)
    center, rest, scale = found
    middle = parts.spread(center.astype(dtype))
    total, product = np.zeros_like(scale), np.zeros_like(scale)  # Σ dy and Σ dy · (x - mean) of the channels
    if not is_constant or True in wanted[1:]:
        for block in parts.blocks():
            dy = grads.array[block].astype(dtype, copy=False)
            total += grads.gather(sums(dy))
            product += grads.gather(dots(dy, parts.array[block].astype(dtype, copy=False) - middle))
        product -= rest * total
    dx = None
    if wanted[0]:
        factor = scale if weight is None else scale * weight.astype(np.float64)
        slope = offset = None
        if not is_constant:
            share = factor * len(scale) / max(1, x.size)
            slope = -share * scale * scale * product
            offset = -share * total - slope * rest
        dx = as_images(_input_gradient(grads, parts, middle, factor, slope, offset), x)
    return Gradients(dx, product * scale, total)


def _moments(parts: Channels, dtype: Any) -> Moments:
    """The moments of the channels, in two passes: the second corrects the first for the rounding of the mean."""
    a, w, b = parts.array.shape
    count = max(1, a * b * parts.fold * parts.inner)
    total = squares = rest = np.zeros(w // (parts.fold * parts.inner))
    for block in parts.blocks():
        total = total + parts.gather(sums(parts.array[block].astype(dtype, copy=False)))
    center = (total / count).astype(dtype)
    middle = parts.spread(center)
    for block in parts.blocks():
        deviation = parts.array[block].astype(dtype, copy=False) - middle
        rest = rest + parts.gather(sums(deviation))
        squares = squares + parts.gather(dots(deviation, deviation))
    rest = rest / count
    return Moments(center.astype(np.float64), rest, np.maximum(squares / count - rest * rest, 0))


def _input_gradient(
    grads: Channels, parts: Channels, middle: Array, factor: Array, slope: Array | None, offset: Array | None
) -> Array:
    """dy · factor + (x - middle) · slope + offset, by blocks; the last two may be left out."""
    dtype = middle.dtype
    dx = np.empty(parts.array.shape, parts.array.dtype)
    factor = parts.spread(factor.astype(dtype))
    if slope is not None and offset is not None:
        slope, offset = parts.spread(slope.astype(dtype)), parts.spread(offset.astype(dtype))
    for block in parts.blocks():
        dy = grads.array[block].astype(dtype, copy=False)
        if slope is None:
            np.multiply(dy, factor, out=dx[block])
            continue
        values = parts.array[block].astype(dtype, copy=False) - middle
        values *= slope
        values += offset
        np.add(values, dy * factor, out=dx[block])
    return dx
