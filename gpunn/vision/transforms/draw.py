"""Random parameters, one for each image, from the default generator: the same on every device.

A draw of a batch takes other numbers from the stream than as many draws of single images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn import random
from gpunn.errors import ArgumentError
from gpunn.tensor import Tensor

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def count_of(img: Any) -> int:
    """How many images need parameters of their own: those of a batch (N, C, H, W), else 1."""
    return int(img.array.shape[0]) if _is_batch(img) else 1


def own(img: Any, numbers: np.ndarray[Any, Any]) -> Any:
    """The parameters as `functional` takes them: one for each image of a batch, else a number."""
    return numbers if _is_batch(img) else numbers.tolist()[0]


def _is_batch(img: Any) -> bool:
    return isinstance(img, Tensor) and img.dim() == 4


def units(*shape: int) -> Numbers:
    """Numbers from [0, 1)."""
    found: Numbers = random.uniform(np, random.default_generator, shape, np.float64)
    return found


def uniform(low: float, high: float, *shape: int) -> Numbers:
    """Numbers from [low, high)."""
    return low + (high - low) * units(*shape)


def below(limits: Any, numbers: Numbers) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Integers from 0 on and below `limits`, of `numbers` from [0, 1)."""
    return np.floor(numbers * limits).astype(np.int64)


def chosen(p: float, count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """True with probability `p`."""
    found: np.ndarray[Any, np.dtype[np.bool_]] = units(count) < p
    return found


def boxes(
    count: int, height: int, width: int, scale: Any, ratio: Any, is_strict: bool
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """(N, 4): top, left, height and width of a part of each image, and whether one was found in ten attempts.

    Its share of the area is uniform in `scale`, the logarithm of its width over its height in that of `ratio`. It must
    fit into the image, or be smaller on both sides if `is_strict`.
    """
    attempts, places = units(count, 10, 2), units(count, 2)
    area = height * width * (scale[0] + (scale[1] - scale[0]) * attempts[..., 0])
    low, high = np.log(ratio)
    aspect = np.exp(low + (high - low) * attempts[..., 1])
    across, down = (np.rint(np.sqrt(size)).astype(np.int64) for size in (area * aspect, area / aspect))
    fits = (across < width) & (down < height) if is_strict else (across <= width) & (down <= height)
    fits &= ((across > 0) & (down > 0)) | is_strict
    rows, first = np.arange(count), fits.argmax(1)
    across, down = across[rows, first], down[rows, first]
    top, left = below(height - down + 1, places[:, 0]), below(width - across + 1, places[:, 1])
    return np.stack([top, left, down, across], 1), fits.any(1)


def check_probability(op: str, p: float) -> None:
    """Raise unless `p` is from 0 to 1."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{op}: p must be a probability from 0 to 1, got {p!r}")
