"""Images with a frame around them."""

from __future__ import annotations

import numbers
from typing import Any, Final

import numpy as np

from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.nn import functional
from gpunn.ops import as_tensor
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import apply, by_numbers, images
from gpunn.vision.transforms.sizes import padding_mode_of, padding_sides

NAMES: Final = {"edge": "replicate", "reflect": "reflect"}  # those of nn.functional.pad


def pad(img: Tensor, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Tensor:
    """The images with `padding` pixels more on each side; negative numbers cut off.

    `padding` is one number, (left and right, top and bottom), or (left, top, right, bottom). `padding_mode`:
    "constant" shows `fill`, "edge" the outermost pixels, "reflect" the mirror image without them, "symmetric" with.
    """
    images("pad", img, or_mask=True)
    left, top, right, bottom = padding_sides("pad", padding)
    mode = padding_mode_of("pad", padding_mode)
    if mode == "symmetric":
        return _mirrored(_mirrored(img, -1, left, right), -2, top, bottom)
    around = (left, right, top, bottom)
    if mode != "constant":
        return by_numbers(lambda x: apply(lambda whole: functional.pad(whole, around, NAMES[mode]), x), img)
    value = fill[0] if isinstance(fill, (tuple, list)) and len(fill) == 1 else 0 if fill is None else fill
    if not isinstance(value, numbers.Number):
        raise ArgumentTypeError(f"pad: Got inappropriate fill arg: a number for tensors, got {fill!r}")
    return functional.pad(img, around, value=value)  # type: ignore[arg-type]


def _mirrored(img: Tensor, axis: int, before: int, after: int) -> Tensor:
    """`img` with its mirror image on both sides of an axis, the outermost pixels shown twice."""
    size = img.array.shape[axis] + min(before, 0) + min(after, 0)
    if size <= 0 or max(before, after) > size:
        raise ShapeError(
            f"pad: mode symmetric shows each pixel twice at most, got padding ({before}, {after}) for img "
            f"{img.array.shape}"
        )
    places = np.arange(-max(before, 0), size + max(after, 0))
    places = np.where(places < 0, -1 - places, np.where(places < size, places, 2 * size - 1 - places)) - min(before, 0)
    return img.index_select(axis, as_tensor(places, device=img.device))
