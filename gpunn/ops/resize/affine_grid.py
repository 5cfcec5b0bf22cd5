"""affine_grid: the sampling grid of an affine transformation."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from gpunn.ops.linalg.products import matmul
from gpunn.ops.shape.dims import ints

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points of `grid_sample` that transform images as `theta` (N, 2, 3) says, or volumes (N, 3, 4).

    `size` is that of the output, (N, C, H, W) or (N, C, D, H, W); the grid is (N, H, W, 2) or (N, D, H, W, 3). Each
    point is theta · (x, y, 1), where x and y run from -1 to 1 from edge to edge, or from center to center of the
    corner elements with `align_corners`.
    """
    if not isinstance(theta, Variable):
        raise ArgumentTypeError(f"affine_grid: theta must be a Tensor, got {type(theta).__name__}")
    out = ints("affine_grid", "size", size, also_one=False)
    if align_corners is None:
        warnings.warn(
            "affine_grid: align_corners is False unless given; -1 and 1 are the edges of the output, not the centers "
            "of its corner elements",
            stacklevel=2,
        )
    if not theta.is_floating_point():
        raise ArgumentError(f"affine_grid: Expected theta to have floating point type, but got {theta.dtype}")
    if len(out) not in (4, 5):
        raise UnsupportedError(
            f"affine_grid: only supports 4D and 5D sizes, for 2D and 3D affine transforms. Got size {out}"
        )
    rank = len(out) - 2
    if theta.array.shape[1:] != (rank, rank + 1):
        raise ShapeError(
            f"affine_grid: Expected a batch of {rank}D affine matrices of shape N x {rank} x {rank + 1} for size "
            f"{out}. Got {theta.array.shape}"
        )
    if theta.array.shape[0] != out[0]:
        raise ShapeError(f"affine_grid: Expected one matrix for each of {out[0]} images, got {theta.array.shape}")
    if min(out) <= 0:
        raise ArgumentError(f"affine_grid: Expected non-zero, positive output size. Got {out}")
    like, corners = theta.array, bool(align_corners)
    found = _base(array_module(like), backend.device_of(like), like.dtype.name, out[2:], corners)
    base = Variable.result_type(found)
    result: Tensor = matmul(base, theta.mT).reshape(out[0], *out[2:], rank)
    return result


@functools.lru_cache(maxsize=8)  # each as large as a grid
def _base(xp: Any, where: backend.device, dtype: str, size: tuple[int, ...], corners: bool) -> Array:
    """The points (x, y, …, 1) of the output, row by row: uploaded once, for the next calls on any stream."""
    rank = len(size)
    base = np.ones((*size, rank + 1))
    for axis, n in enumerate(size):
        step = np.arange(n) * 2.0 - (n - 1)  # from -(n - 1) to n - 1
        line = step / max(n - 1, 1) if corners else step / n
        base[..., rank - 1 - axis] = line.reshape(-1, *[1] * (rank - 1 - axis))
    with backend.placed_on(where):
        found = xp.asarray(base.reshape(-1, rank + 1).astype(dtype))
        backend.synchronize()
    return found
