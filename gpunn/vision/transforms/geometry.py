"""Images cut out, flipped and erased, each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import backend, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import (
    Numbers,
    apply,
    compute_type,
    for_channels,
    images,
    rounded,
    table,
    whole_numbers,
)
from gpunn.vision.transforms.sizes import pair

FILE = "image/geometry"  # of the kernels
KNOWN = {1: np.uint8, 2: np.float16, 4: np.float32, 8: np.float64}  # types of the kernels, by their bytes


class _CropAndFlip(Function):
    """`boxes` (N, 4): top, left, is upside down, is mirrored; `size` (H', W')."""

    def __init__(self, boxes: np.ndarray[Any, Any], size: tuple[int, int]) -> None:
        self.boxes, self.size = boxes, size

    def forward_numpy(self, x: Array) -> Array:
        (height, width), (out_h, out_w) = x.shape[2:], self.size
        self.before = (height, width)
        y = np.zeros((*x.shape[:2], out_h, out_w), x.dtype)
        for image, found, box in zip(x, y, self.boxes.tolist(), strict=True):  # slices: ten times faster than an index
            top, left, is_down, is_mirrored = box
            rows, columns = (max(top, 0), min(top + out_h, height)), (max(left, 0), min(left + out_w, width))
            if rows[0] < rows[1] and columns[0] < columns[1]:
                seen = found[:, :: -1 if is_down else 1, :: -1 if is_mirrored else 1]
                seen = seen[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
                seen[...] = image[:, slice(*rows), slice(*columns)]
        return y

    def forward_cuda(self, x: Array) -> Array:
        xp, self.before = array_module(x), x.shape[2:]
        y, source = xp.empty((*x.shape[:2], *self.size), x.dtype), xp.ascontiguousarray(x)
        if x.dtype.kind in "bi":  # moved as they are, under the name of a type that the kernel knows
            y, source = y.view(KNOWN[x.dtype.itemsize]), source.view(KNOWN[x.dtype.itemsize])
        kernels.launch(FILE, "crop_and_flip", y.size, (y, source, table(x, self.boxes, np.int32), *x.shape, *self.size))
        y = y.view(x.dtype)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        # Row r of the image is row r - top of the result, or, upside down, row top + H' - 1 - r of it.
        starts, flips = self.boxes[:, :2], self.boxes[:, 2:]
        back = np.where(flips, starts + np.array(self.size) - np.array(self.before), -starts)
        result: Tensor = _CropAndFlip(np.concatenate([back, flips], 1), self.before)(grad)
        return result


class _Erase(Function):
    """`boxes` (N, 4): top, left, height, width; `value` (C,)."""

    def __init__(self, boxes: np.ndarray[Any, Any], value: np.ndarray[Any, Any]) -> None:
        self.boxes, self.value = boxes, value

    def forward_numpy(self, x: Array) -> Array:
        top, left, height, width = self.boxes.T[..., None]
        rows, columns = np.arange(x.shape[2]), np.arange(x.shape[3])
        inside = ((rows >= top) & (rows < top + height))[:, :, None] & ((columns >= left) & (columns < left + width))[
            :, None
        ]
        value = rounded(self.value.astype(compute_type(x)), x.dtype)
        return np.where(inside[:, None], value[:, None, None], x)

    def forward_cuda(self, x: Array) -> Array:
        xp = array_module(x)
        y = xp.empty(x.shape, x.dtype)
        tables = (table(x, self.boxes, np.int32), table(x, self.value, compute_type(x)))
        kernels.launch(FILE, "erase", y.size, (y, xp.ascontiguousarray(x), *tables, *x.shape))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = _Erase(self.boxes, np.zeros_like(self.value))(grad)
        return result


def crop(img: Tensor, top: Numbers, left: Numbers, height: int, width: int) -> Tensor:
    """The part of each image from row `top` and column `left` on, zeros outside of it: (N, C, height, width)."""
    return _cropped("crop", img, (top, left, False, False), (height, width))


def crop_and_flip(
    img: Tensor,
    top: Numbers,
    left: Numbers,
    height: int,
    width: int,
    horizontal: Numbers = False,
    vertical: Numbers = False,
) -> Tensor:
    """`crop`, and then the images flipped for which `horizontal` or `vertical` says so, in one step."""
    return _cropped("crop_and_flip", img, (top, left, vertical, horizontal), (height, width))


def hflip(img: Tensor, chosen: Numbers = True) -> Tensor:
    """The images mirrored, left to right; with `chosen` only those that it says True for."""
    _, _, height, width = images("hflip", img, or_mask=True)
    return _cropped("hflip", img, (0, 0, False, chosen), (height, width))


def vflip(img: Tensor, chosen: Numbers = True) -> Tensor:
    """The images upside down; with `chosen` only those that it says True for."""
    _, _, height, width = images("vflip", img, or_mask=True)
    return _cropped("vflip", img, (0, 0, chosen, False), (height, width))


def center_crop(img: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """The middle of each image, with zeros around it where it is smaller."""
    _, _, height, width = images("center_crop", img, or_mask=True)
    out_h, out_w = pair("center_crop", "output_size", output_size)
    top, left = (round((n - m) / 2) if n >= m else -((m - n) // 2) for n, m in ((height, out_h), (width, out_w)))
    return _cropped("center_crop", img, (top, left, False, False), (out_h, out_w))


def _cropped(op: str, img: Tensor, box: tuple[Numbers, ...], size: tuple[int, int]) -> Tensor:
    count = images(op, img, or_mask=True)[0]
    if min(size) < 0:
        raise ArgumentError(f"{op}: height and width must not be negative, got {size}")
    names = ("top", "left", "vertical", "horizontal")
    boxes = np.stack([whole_numbers(op, name, given, count) for name, given in zip(names, box, strict=True)], 1)
    return apply(_CropAndFlip(boxes, size), img)


def erase(img: Tensor, i: Numbers, j: Numbers, h: Numbers, w: Numbers, v: Any, inplace: bool = False) -> Tensor:
    """The images with `v` in boxes of height `h` and width `w` from row `i` and column `j` on.

    `v` is a number, one for each channel, or a tensor (C, 1, 1) or (C, h, w). With `inplace`, `img` itself changes.
    """
    count, channels, _, _ = images("erase", img)
    parts = zip(("i", "j", "h", "w"), (i, j, h, w), strict=True)
    boxes = np.stack([whole_numbers("erase", name, given, count) for name, given in parts], 1)
    if isinstance(v, Tensor) and v.dim() and v.array.shape[-2:] != (1, 1):
        if (boxes != boxes[:1]).any():
            raise ArgumentError(f"erase: v of shape {v.array.shape} goes with one box for all images, got {boxes}")
        result = img if inplace else img.clone()
        top, left, height, width = boxes[0].tolist() if count else (0,) * 4
        result[..., top : top + height, left : left + width] = v.to(img.dtype)
        return result
    values = backend.asnumpy(v.array).reshape(-1) if isinstance(v, Tensor) else v
    result = apply(_Erase(boxes, for_channels("erase", "v", values, channels)), img)
    return img.copy_(result) if inplace else result
