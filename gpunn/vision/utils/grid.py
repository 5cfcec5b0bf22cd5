"""Batches of images side by side in one, and saved to a file."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from gpunn import dtypes
from gpunn.engine import no_grad
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.nn import functional
from gpunn.ops import amax, amin, cat, full, stack
from gpunn.tensor import Tensor
from gpunn.vision.libraries import pillow

Images = Tensor | list[Tensor] | tuple[Tensor, ...]


@no_grad()
def make_grid(
    tensor: Images,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images (N, C, H, W), or a list of (C, H, W), side by side, `nrow` in a row: (C, H', W').

    `padding` pixels of `pad_value` are around each. With `normalize` values from `value_range`, else from the smallest
    to the largest, of each image if `scale_each`, become 0 to 1. One channel becomes three; a batch of one image is
    that image, without padding. Also takes one image (C, H, W) or (H, W).
    """
    images = _batch(tensor)
    if nrow < 1 or padding < 0:
        raise ArgumentError(f"make_grid: nrow must be positive and padding not negative, got {nrow} and {padding}")
    if normalize:
        images = _normalized(images, value_range, scale_each)
    count, channels, height, width = images.array.shape
    if count == 1:
        return images.squeeze(0)
    across = min(nrow, count)
    down = -(-count // across)
    size = (channels, height + padding, width + padding)
    tiles = full((down * across, *size), pad_value, dtype=images.dtype, device=images.device)
    tiles[:count, :, padding:, padding:] = images
    grid = tiles.reshape(down, across, *size).permute(2, 0, 3, 1, 4).reshape(channels, down * size[1], across * size[2])
    return functional.pad(grid, (0, padding, 0, padding), value=pad_value)


def _batch(given: Images) -> Tensor:
    """(N, C, H, W), with three channels instead of one."""
    if isinstance(given, (list, tuple)) and given and all([isinstance(image, Tensor) for image in given]):
        given = stack(list(given), 0)
    if not isinstance(given, Tensor):
        raise ArgumentTypeError(f"make_grid: tensor or list of tensors expected, got {type(given).__name__}")
    if not 2 <= given.dim() <= 4 or given.array.shape[0] == 0:
        raise ShapeError(
            f"make_grid: expected images (N, C, H, W), or one (C, H, W) or (H, W), got {given.array.shape}"
        )
    images = given[None] if given.dim() == 2 else given
    images = images[None] if images.dim() == 3 else images
    return cat([images] * 3, 1) if images.array.shape[1] == 1 else images


def _normalized(images: Tensor, value_range: Any, scale_each: bool) -> Tensor:
    if value_range is not None and (not isinstance(value_range, (tuple, list)) or len(value_range) != 2):
        raise ArgumentTypeError(
            f"make_grid: value_range has to be a tuple (min, max) if specified, got {value_range!r}"
        )
    if not images.dtype.is_floating_point:
        raise ArgumentTypeError(f"make_grid: normalize needs a floating type, got {images.dtype}; use .float()")
    if value_range is not None:
        low, high = float(value_range[0]), float(value_range[1])
        return (images.clamp(low, high) - low) / max(high - low, 1e-5)
    axes = (1, 2, 3) if scale_each else (0, 1, 2, 3)
    least, most = amin(images, axes, keepdim=True), amax(images, axes, keepdim=True)
    return (images - least) / (most - least).clamp(min=1e-5)


@no_grad()
def save_image(tensor: Images, fp: str | os.PathLike[str] | BinaryIO, format: str | None = None, **kwargs: Any) -> None:
    """Write the images, values from 0 to 1 or bytes, to a file as `make_grid(tensor, **kwargs)` shows them.

    `format` is Pillow's; a path has it in its ending.
    """
    grid = make_grid(tensor, **kwargs)
    if grid.dtype is not dtypes.uint8:
        grid = grid.mul(255).add(0.5).clamp(0, 255).to(dtypes.uint8)
    pillow("Image", "save_image").fromarray(grid.permute(1, 2, 0).numpy(force=True)).save(fp, format=format)
