"""grid_sample: an input read at arbitrary points. Its gradient adds up in one order always: that of the points."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, grad_of, is_grad_enabled
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.kernels.order import stable
from gpunn.ops.conv.geometry import LARGEST
from gpunn.ops.indexing import rows_numpy
from gpunn.ops.indexing.gather import gather
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.resize.grid import MODES, OUTSIDE, Along, Sampling, along, each_tap, product, slopes, weights
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, contiguous_format, is_channels_last, layout
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE = "resize/sample"  # of the kernels
BLOCK = 2**18  # numbers of the result at a time on the CPU, so that they stay in the cache
GROUP = 8  # channels of a thread, as in the file


class GridSample(Function):
    """x (N, C, *size) at the points grid (N, *out, rank): (N, C, *out)."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling

    def forward_numpy(self, x: Array, grid: Array) -> Array:
        rows, axes = _rows_and_zeros(x), _axes(grid, self.sampling)
        y = np.zeros((*axes[0].share.shape, rows.shape[-1]), rows.dtype)
        step = max(1, BLOCK // max(1, y[:1].size))
        for numbers, element, inside in each_tap(axes, self.sampling):
            parts = [weights(axis.share, self.sampling.mode)[k] for axis, k in zip(axes, numbers, strict=True)]
            factor = np.asarray(_counted(product(parts), inside, self.sampling.rank), rows.dtype)[..., None]
            for start in range(0, len(y), step):
                block = slice(start, start + step)
                term = _taken(rows[block], element[block], inside[block])
                term *= factor[block] if factor.ndim == 3 else factor
                y[block] += term
        return _from_rows(y, (*x.shape[:2], *grid.shape[1:-1]), x)

    def forward_cuda(self, x: Array, grid: Array) -> Array:
        xp, is_last = array_module(x), is_channels_last(x)
        (images, channels), out = x.shape[:2], grid.shape[1:-1]
        points = math.prod(out)
        y = xp.empty((images, *out, channels) if is_last else (images, channels, *out), x.dtype)
        args = (y, _in_memory(x), xp.ascontiguousarray(grid), images, channels, points)
        _launch(
            "sample_forward", images * points * -(-channels // GROUP), (*args, *self.sampling.numbers(), is_last), self
        )
        return _turned_back(y) if is_last else y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, grid = self.saved(0), self.saved(1)
        if not is_grad_enabled():
            found = iter(GridSampleBackward(self.sampling, self.needs)(grad, x, grid))
            return tuple([next(found) if need else None for need in self.needs])
        views = [View(t.array.shape)(t) for t in (x, grid)]
        wanted = [view for view, need in zip(views, self.needs, strict=True) if need]
        found = iter(grad_of([_composed(views[0], views[1], self.sampling)], [grad], wanted, create_graph=True))
        return tuple([next(found) if need else None for need in self.needs])


class GridSampleBackward(Function):
    """The gradients of x and of the grid, those that are wanted."""

    def __init__(self, sampling: Sampling, wanted: tuple[bool, ...]) -> None:
        self.sampling, self.wanted = sampling, wanted

    def forward_numpy(self, grad: Array, x: Array, grid: Array) -> tuple[Array, ...]:
        found, axes, g = [], _axes(grid, self.sampling), _rows(grad)
        if self.wanted[0]:
            found.append(_from_rows(_spread(g, axes, x.shape, self.sampling), x.shape, x))
        if self.wanted[1]:
            found.append(
                _grid_gradient(g, _rows_and_zeros(x), axes, self.sampling).astype(grid.dtype).reshape(grid.shape)
            )
        return tuple(found)

    def forward_cuda(self, grad: Array, x: Array, grid: Array) -> tuple[Array, ...]:
        xp, is_last = array_module(x), is_channels_last(x)
        images, channels = x.shape[:2]
        places, points = math.prod(x.shape[2:]), math.prod(grid.shape[1:-1])
        source, points_of = _in_memory(x), xp.ascontiguousarray(grid)
        order = CHANNELS_LAST_ORDER[x.ndim] if is_last else tuple(range(x.ndim))
        dy, found, numbers = xp.ascontiguousarray(grad.transpose(order)), [], self.sampling.numbers()
        if self.wanted[0]:
            dx, taps = xp.empty(source.shape, x.dtype), self.sampling.taps
            keys = xp.empty(images * points * taps, np.int64)
            share = xp.empty(keys.size, np.float64 if x.dtype == np.float64 else np.float32)
            args = (keys, share, points_of, images, points, taps, *numbers)
            _launch("sample_taps", images * points, args, self)
            sequence = stable(keys)
            args = (dx, dy, keys[sequence], sequence, share, keys.size, images, channels, places, points, taps, is_last)
            _launch("sample_input_backward", images * places * -(-channels // GROUP), args, self)
            found.append(_turned_back(dx) if is_last else dx)
        if self.wanted[1]:
            dgrid = xp.empty(grid.shape, grid.dtype)
            args = (dgrid, dy, source, points_of, images, channels, points, *numbers, is_last)
            _launch("sample_grid_backward", images * points, args, self)
            found.append(dgrid)
        return tuple(found)


def _launch(kernel: str, threads: int, args: tuple[Any, ...], node: GridSample | GridSampleBackward) -> None:
    kernels.launch(FILE, kernel, threads, args, {"TAPS": MODES[node.sampling.mode]})


def _in_memory(x: Array) -> Array:
    """`x` C-contiguous; channels last are behind the other axes then."""
    if layout(x) is contiguous_format:
        return array_module(x).ascontiguousarray(x)
    return x.transpose(CHANNELS_LAST_ORDER[x.ndim])


def _turned_back(last: Array) -> Array:
    return last.transpose(0, last.ndim - 1, *range(1, last.ndim - 1))


def _rows(x: Array) -> Array:
    """x (N, C, *size) as (N, elements, C), in the type to compute in."""
    turned = x.transpose(0, *range(2, x.ndim), 1)
    return widened(turned.reshape(len(x), math.prod(x.shape[2:]), x.shape[1]))


def _rows_and_zeros(x: Array) -> Array:
    """The rows of `x` with a row of zeros in front: (N, 1 + elements, C)."""
    places = math.prod(x.shape[2:])
    found = np.empty((len(x), 1 + places, x.shape[1]), widened(x[:0]).dtype)
    found[:, 0] = 0
    found[:, 1:] = x.reshape(*x.shape[:2], places).swapaxes(1, 2)
    return found


def _from_rows(rows: Array, shape: tuple[int, ...], like: Array) -> Array:
    """(N, elements, C) as (N, C, *size), of the dtype of `like` and in its memory format."""
    last = rows.astype(like.dtype, copy=False).reshape(shape[0], *shape[2:], shape[1])
    y = _turned_back(last)
    return array_module(y).ascontiguousarray(y) if layout(like) is contiguous_format else y


def _axes(grid: Array, sampling: Sampling) -> list[Along]:
    """The taps along the axes of the input, for points (N, elements)."""
    points = widened(grid).reshape(len(grid), math.prod(grid.shape[1:-1]), sampling.rank)
    return [along(points[..., sampling.rank - 1 - axis], axis, sampling) for axis in range(sampling.rank)]


def _taken(rows: Array, element: Array, inside: Array) -> Array:
    """The rows of elements (N, points), zeros outside: of `_rows_and_zeros`."""
    images, length, channels = rows.shape
    key = element + inside
    key += np.arange(0, images * length, length)[:, None]
    return rows.reshape(images * length, channels).take(key, axis=0, mode="clip")


def _counted(factor: Any, inside: Array, rank: int) -> Any:
    """The weights of a tap. Outside, those of volumes are 0; those of images may make 0 NaN: both as in PyTorch."""
    return np.where(inside, factor, 0) if rank == 3 else factor


def _spread(g: Array, axes: list[Along], shape: tuple[int, ...], sampling: Sampling) -> Array:
    """The gradient of x as rows: for each element what the taps that see it get, one tap after the other."""
    images, channels, places = len(g), g.shape[-1], math.prod(shape[2:])
    dx = np.zeros((images, places, channels), g.dtype)
    first = np.arange(0, images * places, max(places, 1))[:, None]
    for numbers, element, inside in each_tap(axes, sampling):
        parts = [weights(axis.share, sampling.mode)[k] for axis, k in zip(axes, numbers, strict=True)]
        shares = g * np.asarray(product(parts), g.dtype)[..., None]
        rows_numpy.write("sum", dx, (element + first)[inside], channels, shares[inside])
    return dx


def _grid_gradient(g: Array, rows: Array, axes: list[Along], sampling: Sampling) -> Array:
    """The gradient of the grid (N, points, rank), width first."""
    rank = sampling.rank
    result = np.zeros((*g.shape[:2], rank), g.dtype)
    for numbers, element, inside in each_tap(axes, sampling):
        value = (g * _taken(rows, element, inside)).sum(-1)
        for along_axis in range(rank):
            parts = [
                slopes(axis.share, sampling.mode)[k] * axis.slope
                if number == along_axis
                else weights(axis.share, sampling.mode)[k]
                for number, (axis, k) in enumerate(zip(axes, numbers, strict=True))
            ]
            result[..., rank - 1 - along_axis] += value * _counted(product(parts), inside, rank)
    return result


def _composed(x: Any, grid: Any, sampling: Sampling) -> Any:
    """GridSample as a composition of differentiable operations, for second derivatives."""
    (images, channels), out, rank = x.array.shape[:2], grid.array.shape[1:-1], sampling.rank
    points, places = math.prod(out), math.prod(x.array.shape[2:])
    axes = _axes(grid.array, sampling)
    flat, shares = grid.reshape(images, points, rank), []
    for number, axis in enumerate(axes):
        point, share = flat[..., rank - 1 - number], Variable.result_type(axis.share.astype(x.array.dtype))
        if rank == 3:  # what is NaN, or infinite, sees nothing of a volume, and has no gradient
            point, share = (t.masked_fill(~point.isfinite(), 0) for t in (point, share))
        change = (point - point.detach()) * Variable.result_type(axis.slope.astype(x.array.dtype))
        shares.append(change + share)
    elements = x.reshape(images, channels, places)
    y: Any = None
    for numbers, element, inside in each_tap(axes, sampling):
        index = Variable.result_type(element)[:, None].expand(images, channels, points)
        outside = Variable.result_type(~inside)[:, None]
        parts = [weights(share, sampling.mode)[k] for share, k in zip(shares, numbers, strict=True)]
        factor = product(parts)
        factor = factor if isinstance(factor, float) else factor[:, None]
        term = gather(elements, 2, index).masked_fill(outside, 0) * factor
        y = term if y is None else y + term
    return y.reshape(images, channels, *out)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """`input` (N, C, *size) at the points `grid` (N, *out, rank), as PyTorch's: (N, C, *out), for images or volumes.

    A point is (x, y) or (x, y, z): -1 is the left, upper or front edge of the input, 1 the other one; with
    `align_corners` the centers of the elements there. `mode` is "bilinear", "nearest" or, for images, "bicubic".
    `padding_mode` says what is outside: "zeros", the nearest element ("border"), or mirror images ("reflection").
    """
    for name, given in (("input", input), ("grid", grid)):
        if not isinstance(given, Variable):
            raise ArgumentTypeError(f"grid_sample: {name} must be a Tensor, got {type(given).__name__}")
    if mode not in MODES:
        raise ArgumentError(f"grid_sample: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: {mode!r}")
    if padding_mode not in OUTSIDE:
        raise ArgumentError(
            f"grid_sample: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: {padding_mode!r}"
        )
    if align_corners is None:
        warnings.warn(
            "grid_sample: align_corners is False unless given; -1 and 1 are the edges of the input, not the centers "
            "of its corner elements",
            stacklevel=2,
        )
    _check(input.array, grid.array, mode)
    sampling = Sampling(input.array.shape[2:], mode, padding_mode, bool(align_corners))
    result: Tensor = GridSample(sampling)(input, grid)
    return result


def _check(x: Array, grid: Array, mode: str) -> None:
    rank = x.ndim - 2
    both = f"input with sizes {x.shape} and grid with sizes {grid.shape}"
    if grid.ndim < 1 or rank < 0 or (x.shape[0] != grid.shape[0]):
        raise ShapeError(f"grid_sample: expected grid and input to have same batch size, but got {both}")
    if grid.shape[-1] != rank:
        raise ShapeError(f"grid_sample: expected grid to have size {rank} in last dimension, but got {both}")
    if rank not in (2, 3) or grid.ndim != x.ndim:
        raise ShapeError(
            f"grid_sample: expected 4D or 5D input and grid with same number of dimensions, but got {both}"
        )
    if 0 in x.shape[2:]:
        raise ShapeError(f"grid_sample: expected input to have non-empty spatial dimensions, but got {both}")
    if rank == 3 and mode == "bicubic":
        raise ShapeError(f"grid_sample: bicubic interpolation only supports 4D input, but got {both}")
    if x.dtype != grid.dtype:
        raise DtypeError(
            f"grid_sample: expected input and grid to have the same dtype, but got {dtypes.of(x)} and "
            f"{dtypes.of(grid)}; use grid.to(input.dtype)"
        )
    if not dtypes.of(x).is_floating_point:
        raise DtypeError(f"grid_sample: not for {dtypes.of(x)}; use input.to(gpunn.float32)")
    if max(math.prod(x.shape[2:]), math.prod(grid.shape[1:-1]), x.shape[1]) > LARGEST:
        raise IndexRangeError(f"grid_sample: no image may have more than {LARGEST} elements, got {both}")
