"""Which kernels compute the gradient of a convolution's weight, by a model of the time that each takes.

Tensor cores and tiles in full precision compute whole tiles of channels by columns of the filter, of which few channels
fill a part only. The model counts what is computed, what is moved, and launches; its seconds are no promise.
"""

from __future__ import annotations

import math
from typing import Final

from gpunn import backend
from gpunn.backend import Array
from gpunn.ops.conv import small_weight
from gpunn.ops.conv.full_precision import is_depthwise, weight_tile
from gpunn.ops.conv.geometry import LARGEST, Geometry, is_pointwise
from gpunn.ops.conv.small_weight import Plan
from gpunn.ops.conv.tensor_cores import machine_of, padded, weight_side
from gpunn.ops.conv.tiles import Machine
from gpunn.ops.shape.conversion import is_channels_last

EFFICIENCY: Final = 0.5  # of what a machine can do at most
LOOK_UP: Final = 30  # instructions that find and move one element of a tile of weight_parts
READS: Final = {32: 0.5, 64: 0.125}  # of shared memory for one product, by the side of its tile


def small_plan(g: Array, x: Array, geo: Geometry, on_tensor_cores: bool) -> Plan | None:
    """The plan of the kernel for few channels, if that takes less time than tensor cores, or than tiles without them.

    `g` (N, K, *out) is the gradient of the output, `x` (N, C, *size) the input.
    """
    rows, depth = g.shape[1] // geo.groups, x.shape[1] // geo.groups
    if is_depthwise(geo, rows, depth) or max(*geo.size, *geo.out, *geo.before) > LARGEST // 4:  # it counts in 32 bits
        return None
    found = small_weight.best_plan(geo, rows, depth, max(4, int(x.dtype.itemsize)))
    if found is None:
        return None
    slots, plan = found
    machine = machine_of(backend.cuda_module(), int(x.device.id))
    positions = x.shape[0] * math.prod(geo.out) * geo.groups
    columns = depth * math.prod(geo.kernel)
    others = tensor_seconds(g, x, geo, machine) if on_tensor_cores else None
    if others is None:
        others = seconds(tile_slots(rows, columns), positions, machine)
    return plan if seconds(slots, positions, machine) < others else None


def seconds(slots: float, positions: int, machine: Machine) -> float:
    """The time of so many instructions for each position."""
    return slots * positions / (machine.instructions * EFFICIENCY) + machine.launch


def tile_slots(rows: int, columns: int) -> float:
    """Instructions of weight_parts for one position: products of whole tiles, and bringing their elements."""
    side = weight_tile(rows, columns)
    return -(-rows // side) * -(-columns // side) * (side * side * (1 + READS[side]) + 2 * side * LOOK_UP)


def tensor_seconds(g: Array, x: Array, geo: Geometry, machine: Machine) -> float:
    """The time on tensor cores, with that of bringing `g` and `x` into their order where they lie otherwise."""
    rows, columns = padded(g, g.shape[1] // geo.groups), padded(x, x.shape[1] // geo.groups) * math.prod(geo.kernel)
    side = weight_side(rows, columns)
    products = -(-rows // side) * -(-columns // side) * side * side * x.shape[0] * math.prod(geo.out) * geo.groups
    rate = machine.products * 2 / int(x.dtype.itemsize) * EFFICIENCY
    moved = [2 * int(a.nbytes) for a in (g, x) if not (is_channels_last(a) and padded(a, a.shape[1]) == a.shape[1])]
    if is_pointwise(geo):
        moved = []
    return products / rate + sum(moved) / machine.moved_bytes + (1 + len(moved)) * machine.launch
