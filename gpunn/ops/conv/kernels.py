"""The products of a convolution on the GPU: which kernels compute them."""

from __future__ import annotations

from gpunn.backend import Array
from gpunn.ops.conv import full_precision
from gpunn.ops.conv.geometry import Geometry


def output(x: Array, w: Array, bias: Array | None, geo: Geometry) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed, plus bias."""
    return full_precision.output(x, w, bias, geo)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output; plus `bias` (C,), or None."""
    return full_precision.input_gradient(g, w, bias, geo)


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output; channels last if `w_last`."""
    return full_precision.weight_gradient(g, x, geo, w_last)
