"""Adaptive pooling: each axis is cut into a given number of parts. The kernels are those of plain pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.pool.average import AvgPool
from gpunn.ops.pool.maximum import MaxPool
from gpunn.ops.pool.windows import Parts, Windows, adaptive_windows

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def adaptive_avg_pool1d(input: Tensor, output_size: Parts) -> Tensor:
    """The mean of each part of signals (N, C, L) or (C, L), cut into `output_size` parts."""
    return _means("adaptive_avg_pool1d", input, 1, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Parts) -> Tensor:
    """The mean of each part of images (N, C, H, W) or (C, H, W), cut into `output_size` parts a side.

    Part p of P along an axis of n elements is [p n / P, (p + 1) n / P), rounded outwards. None in `output_size`
    leaves an axis as it is.
    """
    return _means("adaptive_avg_pool2d", input, 2, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Parts) -> Tensor:
    """The mean of each part of volumes (N, C, D, H, W) or (C, D, H, W); see `adaptive_avg_pool2d`."""
    return _means("adaptive_avg_pool3d", input, 3, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """The largest element of each part of signals (N, C, L) or (C, L), cut into `output_size` parts."""
    return _maxima("adaptive_max_pool1d", input, 1, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """The largest element of each part of images (N, C, H, W) or (C, H, W), cut into `output_size` parts a side.

    Part p of P along an axis of n elements is [p n / P, (p + 1) n / P), rounded outwards. None in `output_size`
    leaves an axis as it is. With `return_indices` a pair, as of `max_pool2d`.
    """
    return _maxima("adaptive_max_pool2d", input, 2, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """The largest element of each part of volumes (N, C, D, H, W) or (C, D, H, W); see `adaptive_max_pool2d`."""
    return _maxima("adaptive_max_pool3d", input, 3, output_size, return_indices)


def _parts(op: str, input: Tensor, rank: int, output_size: Parts, filled: int) -> Windows:
    """The parts, if the last `filled` axes of `input` have elements and these are floats."""
    windows = adaptive_windows(op, input, rank, output_size)
    if 0 in input.array.shape[-filled:]:
        raise ShapeError(
            f"{op}: Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{input.array.shape}"
        )
    if not dtypes.of(input.array).is_floating_point:
        raise DtypeError(f"{op}: not for {dtypes.of(input.array)}; use input.to(gpunn.float32)")
    return windows


def _means(op: str, input: Tensor, rank: int, output_size: Parts) -> Tensor:
    result: Tensor = AvgPool(_parts(op, input, rank, output_size, rank), None, True)(input)
    return result


def _maxima(op: str, input: Tensor, rank: int, output_size: Parts, return_indices: bool) -> Any:
    return MaxPool(_parts(op, input, rank, output_size, rank + 1), bool(return_indices))(input)
