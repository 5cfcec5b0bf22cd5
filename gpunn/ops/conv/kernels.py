"""The products of a convolution on the GPU: on tensor cores where they gain, else by kernels of full precision."""

from __future__ import annotations

import math
from typing import Any

from gpunn.backend import Array
from gpunn.kernels import elementwise
from gpunn.ops.conv import autotune, full_precision, pointwise, small_weight, tensor_cores
from gpunn.ops.conv.geometry import Geometry, is_pointwise
from gpunn.ops.conv.tiles import Tile
from gpunn.ops.conv.weight_choice import small_plan
from gpunn.ops.shape.conversion import is_channels_last


def output(x: Array, w: Array, bias: Array | None, geo: Geometry, relu: bool = False) -> Array:
    """y (N, K, *out): the windows of `x` (N, C, *size), weighted with `w` (K, C / G, *kernel) and summed, plus bias.

    With `relu`, max(y, 0): on tensor cores in the same launch.
    """
    if not tensor_cores.can_take(x, geo, w.shape[0] // geo.groups, w.shape[1], _work(x, w, geo)):
        y = full_precision.output(x, w, bias, geo)
        return elementwise.apply("activation/piecewise", "relu_forward", (y,)) if relu else y
    family = _family(geo)

    def run(tile: Tile) -> Array:
        return family.output(x, w, bias, geo, tile=tile)

    def reference() -> Array:
        return full_precision.output(x, w, bias, geo)

    def key() -> dict[str, object]:
        return autotune.key_of(x, "output", w.shape, geo, is_channels_last(x), is_channels_last(w))

    tile = autotune.tile_for(key, family.candidates(x, w, geo, False), run, reference)
    return family.output(x, w, bias, geo, relu, tile=tile)


def input_gradient(g: Array, w: Array, bias: Array | None, geo: Geometry) -> Array:
    """dx (N, C, *size), given the gradient `g` (N, K, *out) of the output; plus `bias` (C,), or None."""
    if not tensor_cores.can_take(g, geo, w.shape[1], w.shape[0] // geo.groups, _work(g, w, geo)):
        return full_precision.input_gradient(g, w, bias, geo)
    family = _family(geo)

    def run(tile: Tile) -> Array:
        return family.input_gradient(g, w, bias, geo, tile)

    def reference() -> Array:
        return full_precision.input_gradient(g, w, bias, geo)

    def key() -> dict[str, object]:
        return autotune.key_of(g, "input_gradient", w.shape, geo, is_channels_last(g), is_channels_last(w))

    return run(autotune.tile_for(key, family.candidates(g, w, geo, True), run, reference))


def weight_gradient(g: Array, x: Array, geo: Geometry, w_last: bool) -> Array:
    """dw (K, C / G, *kernel), given the gradient `g` (N, K, *out) of the output; channels last if `w_last`."""
    rows, depth = g.shape[1] // geo.groups, x.shape[1] // geo.groups
    work = g.size * depth * math.prod(geo.kernel)
    on_tensor_cores = tensor_cores.can_take(x, geo, rows, depth, work)
    plan = small_plan(g, x, geo, on_tensor_cores)
    if plan is not None:
        return small_weight.weight_gradient(g, x, geo, w_last, plan)
    if on_tensor_cores:
        return _family(geo).weight_gradient(g, x, geo, w_last)
    return full_precision.weight_gradient(g, x, geo, w_last)


def _family(geo: Geometry) -> Any:
    """The module whose kernels on tensor cores take this convolution: products of matrices, or windows."""
    return pointwise if is_pointwise(geo) else tensor_cores


def _work(x: Array, w: Array, geo: Geometry) -> int:
    """The products of a convolution with the weight `w`."""
    return int(x.shape[0] * math.prod(geo.out) * w.size)
