"""The launches of kernels/norm: statistics, normalised elements, gradients. Arrays lie as their `Cut` says.

The order of each sum depends on the number of its elements, on nothing else.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.ops.norm.cut import Cut

BLOCK: Final = 256  # threads of a block
DEEP: Final = 8  # threads below each other in a tile of columns
SHORT: Final = 1024  # elements of a row that a warp takes, in one launch
LONG: Final = 1 << 16  # elements of a row that a block takes, in one launch
NARROW: Final = 32  # neighbours of one statistic below which threads lie across columns
ROWS_AT_ONCE: Final = 64  # rows of known columns that a thread's team takes

CENTERED, ROOT_MEAN_SQUARE, UNIT = 0, 1, 2  # as in kernels/norm/parts.cuh


class Statistics(NamedTuple):
    """x̂ = (x - center - rest) · scale: a vector each, in the type that is computed in."""

    center: Array
    rest: Array
    scale: Array


class Running(NamedTuple):
    """Running averages of mean and variance, to be changed in place."""

    mean: Array
    var: Array
    momentum: float


class Residual(NamedTuple):
    """What is done to a normalised element in the same launch: + z if there is one, then max(·, 0)."""

    z: Array | None


def compute_dtype(x: Array) -> Any:
    """The type that elements of `x` are computed in."""
    return np.dtype(np.float64 if x.dtype.itemsize == 8 else np.float32)


def is_in_rows(cut: Cut) -> bool:
    """Whether each statistic is of one run of memory, short enough for one launch."""
    return cut.rows == 1 and cut.length <= LONG


def empty_statistics(cut: Cut, x: Array) -> Statistics:
    """Room for the statistics of `x`."""
    block = array_module(x).empty((3, cut.statistics), compute_dtype(x))
    return Statistics(block[0], block[1], block[2])


def statistics(
    cut: Cut, x: Array, kind: int, eps: float, running: Running | None = None, keeps: bool = False
) -> tuple[Statistics, Array]:
    """The statistics of `x`, and if it `keeps` them also mean and variance in float64, (statistics, 2)."""
    xp, found = array_module(x), empty_statistics(cut, x)
    columns = is_by_columns(cut.rows, cut.length)
    length = cut.rows if columns else cut.size
    chunk, parts = pieces(length, columns)
    members = cut.length if columns else 1
    partial = xp.empty((cut.groups, parts, cut.inner * members, 2), np.float64)
    if columns:
        width, threads = tiles(x, cut.groups * parts, cut.inner * cut.length)
        numbers = (cut.groups, parts, cut.rows, cut.inner * cut.length, chunk, width)
        kernels.launch("norm/moments", "moments_columns", threads, (partial, x, *numbers))
    else:
        sizes = (cut.groups, parts, cut.rows, cut.inner, cut.length, chunk)
        kernels.launch("norm/moments", "moments_rows", cut.statistics * parts * BLOCK, (partial, x, *sizes))
    kept = xp.empty((cut.statistics, 2), np.float64) if keeps else partial
    mean, var, momentum = running or (found.center, found.center, 0.0)
    more = (cut.groups, cut.inner, parts, members, chunk, length, kind)
    kernels.launch(
        "norm/merge",
        "merge_moments",
        cut.statistics * 32,
        (*found, kept, mean, var, partial, *more, eps, momentum, keeps, running is not None),
    )
    return found, kept


def given_statistics(cut: Cut, x: Array, mean: Array, var: Array, eps: float) -> Statistics:
    """The statistics for given means and variances, one for each channel."""
    found = empty_statistics(cut, x)
    kernels.launch("norm/merge", "given_moments", cut.channels, (*found, mean, var, eps, cut.channels))
    return found


def follow_instances(running: Running, kept: Array, groups: int, factor: float) -> None:
    """Let running averages follow the mean over the groups of what `statistics` has kept."""
    mean, var, momentum = running
    args = (mean, var, kept, groups, len(mean), factor, momentum)
    kernels.launch("norm/merge", "follow_instances", len(mean), args)


def normalised(
    cut: Cut, x: Array, found: Statistics, weight: Array | None, bias: Array | None, residual: Residual | None = None
) -> tuple[Array, Array]:
    """(x - center - rest) · scale · weight + bias; with a residual also its mask, a byte for each 16 bytes of y."""
    xp, y = array_module(x), array_module(x).empty(x.shape, x.dtype)
    z = None if residual is None else residual.z
    mask = xp.empty(1 if residual is None else -(-y.nbytes // 16), np.uint8)
    spare = _parameter(weight, bias, x)
    args = (y, mask, x, x if z is None else z, *found, _or(weight, spare), _or(bias, spare))
    flags = (weight is not None, bias is not None, z is not None, residual is not None)
    sizes, threads, which = _places(cut, x)
    kernels.launch("norm/apply", "norm_forward", threads, (*args, *sizes, *flags), which)
    return y, mask


def in_rows(
    cut: Cut, x: Array, kind: int, eps: float, weight: Array | None, bias: Array | None
) -> tuple[Array, Statistics]:
    """Statistics and normalised elements in one launch, for a cut that `is_in_rows`."""
    y, found = array_module(x).empty(x.shape, x.dtype), empty_statistics(cut, x)
    spare = _parameter(weight, bias, x)
    sizes = (cut.statistics, cut.length, cut.inner, cut.span, kind, eps)
    args = (y, *found, x, _or(weight, spare), _or(bias, spare), *sizes, weight is not None, bias is not None)
    team = 32 if cut.length <= SHORT else BLOCK
    kernels.launch("norm/rows", "rows_forward", cut.statistics * team, args, {"TEAM": team})
    return y, found


def gradient_in_rows(
    cut: Cut, dy: Array, x: Array, found: Statistics, kind: int, eps: float, weight: Array | None
) -> Array:
    """dx in one launch, for a cut that `is_in_rows`."""
    dx = array_module(x).empty(x.shape, x.dtype)
    sizes = (cut.statistics, cut.length, cut.inner, cut.span, kind, eps)
    args = (dx, dy, x, *found, _or(weight, _parameter(weight, None, x)), *sizes, weight is not None)
    team = 32 if cut.length <= SHORT else BLOCK
    kernels.launch("norm/rows", "rows_backward", cut.statistics * team, args, {"TEAM": team})
    return dx


class Gradients(NamedTuple):
    """Of weight and bias; and slope and offset of the gradient of x, for each statistic."""

    weight: Array
    bias: Array
    slope: Array
    offset: Array


def gradients(
    cut: Cut,
    dy: Array,
    x: Array,
    found: Statistics,
    kind: int,
    eps: float,
    weight: Array | None,
    parameter_dtype: Any,
    has_line: bool,
    mask: Array | None = None,
) -> Gradients:
    """What comes of Σ dy and Σ dy · x̂. Slope and offset are there if it `has_line`."""
    xp = array_module(x)
    is_single = cut.groups == 1 and cut.members == 1 and kind == CENTERED
    grouped = has_line and not is_single
    groups, rows = (cut.groups, cut.rows) if grouped else (1, cut.groups * cut.rows)
    partial, parts, members = _sums(cut, groups, rows, dy, x, found, mask)
    sums = xp.empty((groups, cut.channels, 2), np.float64) if grouped else partial
    dweight, dbias = xp.empty((2, cut.channels), parameter_dtype)
    slope, offset = xp.empty((2, cut.statistics), found.scale.dtype)
    result = Gradients(dweight, dbias, slope, offset)
    spare = _or(weight, dweight)
    flags = (not grouped, weight is not None, has_line)
    sizes = (groups, cut.channels, parts, members, float(cut.size), eps)
    args = (sums, *result, partial, spare, found.scale, *sizes, *flags)
    kernels.launch("norm/merge", "merge_sums", groups * cut.channels * 32, args)
    if grouped:
        _from_groups(cut, sums, result, found, kind, eps, weight)
    return result


def _from_groups(
    cut: Cut, sums: Array, result: Gradients, found: Statistics, kind: int, eps: float, weight: Array | None
) -> None:
    """The gradients from Σ dy and Σ dy · x̂ of each channel of each group."""
    spare = _or(weight, result.weight)
    sizes = (cut.groups, cut.inner, cut.members, float(cut.size), kind, eps)
    args = (result.slope, result.offset, sums, spare, found.scale, *sizes, weight is not None)
    kernels.launch("norm/merge", "group_lines", cut.statistics * 32, args)
    ends = (result.weight, result.bias, sums, cut.groups, cut.channels)
    kernels.launch("norm/merge", "group_parameters", cut.channels, ends)


def gradient(
    cut: Cut,
    dy: Array,
    x: Array,
    found: Statistics,
    line: Gradients | None,
    weight: Array | None,
    mask: Array | None = None,
    gives: bool = False,
) -> tuple[Array, Array]:
    """dx = scale · weight · g + slope · x̂ + offset, and if it `gives` also g = dy, or 0 where y was cut to 0."""
    xp = array_module(x)
    dx = xp.empty(x.shape, x.dtype)
    dz = xp.empty(x.shape, x.dtype) if gives else dx
    slope, offset = (found.center, found.center) if line is None else (line.slope, line.offset)
    spare = _or(weight, _parameter(weight, None, x))
    bits = xp.empty(1, np.uint8) if mask is None else mask
    flags = (weight is not None, line is not None, mask is not None, gives)
    sizes, threads, which = _places(cut, x)
    args = (dx, dz, dy, x, bits, *found, slope, offset, spare, *sizes, *flags)
    kernels.launch("norm/apply", "norm_backward", threads, args, which)
    return dx, dz


def unpacked(cut: Cut, mask: Array, x: Array, found: Statistics) -> Array:
    """A mask as numbers of the type of `x`: 1 for what is let through, else 0."""
    ones = array_module(x).ones(x.shape, x.dtype)
    _, result = gradient(cut, ones, ones, found, None, None, mask, gives=True)
    return result


def is_by_columns(rows: int, length: int) -> bool:
    """Whether threads lie across columns: where few neighbours of many rows belong together."""
    return length < NARROW and (length == 1 or rows >= DEEP)


def pieces(length: int, columns: bool) -> tuple[int, int]:
    """How many elements of a sum of `length` a block adds, and how many such pieces there are."""
    least, most, wanted = (128, 1024, 128) if columns else (4096, 65536, 64)
    chunk = min(most, max(least, 1 << (length // wanted).bit_length()))
    return chunk, -(-length // chunk)


def tiles(x: Array, count: int, columns: int) -> tuple[int, int]:
    """How many threads lie side by side over `columns` columns of `x`, and how many there are for `count` pieces."""
    step = 16 // x.dtype.itemsize
    vectors = columns // step if columns % step == 0 else columns
    width = min(32, 1 << max(0, vectors - 1).bit_length())
    return width, count * -(-vectors // width) * width * DEEP


def _sums(
    cut: Cut, groups: int, rows: int, dy: Array, x: Array, found: Statistics, mask: Array | None
) -> tuple[Array, int, int]:
    """Σ dy and Σ dy · x̂ in pieces, for each channel of `groups` groups of rows."""
    xp = array_module(x)
    columns = is_by_columns(rows, cut.span)
    chunk, parts = pieces(rows if columns else rows * cut.span, columns)
    members = cut.span if columns else 1
    partial = xp.empty((groups, parts, cut.channels * members, 2), np.float64)
    bits = xp.empty(1, np.uint8) if mask is None else mask
    args = (partial, dy, x, bits, *found, groups, parts, rows, cut.channels, cut.members, cut.span, cut.rows, chunk)
    if columns:
        width, threads = tiles(x, groups * parts, cut.channels * cut.span)
        kernels.launch("norm/sums", "sums_columns", threads, (*args, width, mask is not None))
    else:
        threads = groups * parts * cut.channels * BLOCK
        kernels.launch("norm/sums", "sums_rows", threads, (*args, mask is not None))
    return partial, parts, members


def _places(cut: Cut, x: Array) -> tuple[tuple[int, ...], int, dict[str, int]]:
    """Sizes, threads and the version for a kernel of apply.cu."""
    step, rows = 16 // x.dtype.itemsize, cut.groups * cut.rows
    sizes = (x.size, cut.channels, cut.members, cut.span, cut.rows, ROWS_AT_ONCE)
    if cut.span == 1 and cut.channels % step == 0:
        width, threads = tiles(x, -(-rows // ROWS_AT_ONCE), cut.channels)
        return (*sizes, width), threads, {"COLUMNS": 1}
    return (*sizes, 0), kernels.vector_threads(x), {"COLUMNS": 0}


def _parameter(weight: Array | None, bias: Array | None, x: Array) -> Array:
    """What stands in the place of a parameter that is not there."""
    given = weight if bias is None else bias
    return x if given is None else given


def _or(given: Array | None, other: Array) -> Array:
    return other if given is None else given
