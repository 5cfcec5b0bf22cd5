"""Images cut out, flipped, turned and erased, each in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.kernels import launch
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import Numbers, apply, compute_type, each, images, rounded, table, whole_numbers
from gpunn.vision.transforms.interpolation import tensor_mode

FILE = "image/geometry"  # of the kernels


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
        y = xp.empty((*x.shape[:2], *self.size), x.dtype)
        args = (y, xp.ascontiguousarray(x), table(x, self.boxes, np.int32), *x.shape, *self.size)
        launch(FILE, "crop_and_flip", y.size, args)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        # Row r of the image is row r - top of the result, or, upside down, row top + H' - 1 - r of it.
        starts, flips = self.boxes[:, :2], self.boxes[:, 2:]
        back = np.where(flips, starts + np.array(self.size) - np.array(self.before), -starts)
        result: Tensor = _CropAndFlip(np.concatenate([back, flips], 1), self.before)(grad)
        return result


class _Affine(Function):
    """The place of each pixel is (a, b, c; d, e, f) · (w, h, 1); `matrices` (N, 6), `fill` (C,)."""

    def __init__(
        self, matrices: np.ndarray[Any, Any], fill: np.ndarray[Any, Any], is_bilinear: bool, size: tuple[int, int]
    ) -> None:
        self.matrices, self.fill, self.is_bilinear, self.size = matrices, fill, is_bilinear, size

    def forward_numpy(self, x: Array) -> Array:
        y = np.empty((*x.shape[:2], *self.size), x.dtype)
        for image, found, matrix in zip(x, y, self.matrices.astype(compute_type(x)), strict=True):
            found[...] = rounded(self._moved(image.astype(matrix.dtype), *matrix), x.dtype)
        return y

    def _moved(self, image: Array, a: Any, b: Any, right: Any, d: Any, e: Any, down: Any) -> Array:
        """One image (C, H, W), small enough for the cache."""
        (c, height, width), number = image.shape, image.dtype.type
        w, h = np.arange(self.size[1], dtype=number), np.arange(self.size[0], dtype=number)[:, None]
        column, row = (a * w + b * h) + right, (d * w + e * h) + down
        left, top = (np.floor(column), np.floor(row)) if self.is_bilinear else (np.rint(column), np.rint(row))
        shares = ((1 - (row - top), row - top), (1 - (column - left), column - left))
        flat, fill = image.reshape(c, height * width), self.fill.astype(number)[:, None, None]
        y = np.zeros((c, *self.size), number)
        for k in range(1 + self.is_bilinear):
            for j in range(1 + self.is_bilinear):
                at_h, at_w = top + number(k), left + number(j)
                inside = (at_h >= 0) & (at_h < height) & (at_w >= 0) & (at_w < width)
                place = np.where(inside, at_h, 0).astype(int) * width + np.where(inside, at_w, 0).astype(int)
                found = np.where(inside, flat.take(place, 1), fill) if flat.size else fill
                y = y + (shares[0][k] * shares[1][j]) * found if self.is_bilinear else found
        return y

    def forward_cuda(self, x: Array) -> Array:
        xp, number = array_module(x), compute_type(x)
        y = xp.empty((*x.shape[:2], *self.size), x.dtype)
        tables = (table(x, self.matrices, number), table(x, self.fill, number))
        args = (y, xp.ascontiguousarray(x), *tables, *x.shape, *self.size, self.is_bilinear)
        launch(FILE, "affine", x.shape[0] * math.prod(self.size), args)
        return y


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
        launch(FILE, "erase", y.size, (y, xp.ascontiguousarray(x), *tables, *x.shape))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = _Erase(self.boxes, np.zeros_like(self.value))(grad)
        return result


def _channels(op: str, name: str, given: Any, channels: int) -> np.ndarray[Any, Any]:
    """A number for each channel, from one for all or one for each."""
    numbers = np.asarray(0.0 if given is None else given, np.float64)
    if numbers.shape not in ((), (1,), (channels,)):
        raise ArgumentError(f"{op}: {name} must be a number or one for each of {channels} channels, got {given!r}")
    return np.broadcast_to(numbers.reshape(-1), (channels,))


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
    _, _, height, width = images("hflip", img)
    return _cropped("hflip", img, (0, 0, False, chosen), (height, width))


def vflip(img: Tensor, chosen: Numbers = True) -> Tensor:
    """The images upside down; with `chosen` only those that it says True for."""
    _, _, height, width = images("vflip", img)
    return _cropped("vflip", img, (0, 0, chosen, False), (height, width))


def center_crop(img: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """The middle of each image, with zeros around it where it is smaller."""
    _, _, height, width = images("center_crop", img)
    sizes = (output_size,) * 2 if isinstance(output_size, int) else tuple(output_size)
    out_h, out_w = sizes * 2 if len(sizes) == 1 else sizes
    top, left = (round((n - m) / 2) if n >= m else -((m - n) // 2) for n, m in ((height, out_h), (width, out_w)))
    return _cropped("center_crop", img, (top, left, False, False), (out_h, out_w))


def _cropped(op: str, img: Tensor, box: tuple[Numbers, ...], size: tuple[int, int]) -> Tensor:
    count = images(op, img)[0]
    if min(size) < 0:
        raise ArgumentError(f"{op}: height and width must not be negative, got {size}")
    names = ("top", "left", "vertical", "horizontal")
    boxes = np.stack([whole_numbers(op, name, given, count) for name, given in zip(names, box, strict=True)], 1)
    return apply(_CropAndFlip(boxes, size), img)


def affine(
    img: Tensor,
    angle: Numbers,
    translate: Sequence[Numbers],
    scale: Numbers,
    shear: Sequence[Numbers] | Numbers,
    interpolation: Any = "nearest",
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Tensor:
    """Each image turned by `angle` degrees clockwise, moved, scaled and sheared around its middle or `center` (x, y).

    `translate` is (right, down) in pixels and `shear` (x, y) in degrees, or x alone; each of their numbers, the angle
    and the scale may be one for each image. `interpolation` is NEAREST or BILINEAR. `fill`, a number or one for each
    channel, is what is outside.
    """
    _, _, height, width = images("affine", img)
    matrices = _inverses("affine", img, angle, translate, scale, shear, center)
    return _turned("affine", img, matrices, interpolation, fill, (height, width))


def rotate(
    img: Tensor,
    angle: Numbers,
    interpolation: Any = "nearest",
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Tensor:
    """Each image turned by `angle` degrees counter-clockwise around its middle or `center` (x, y); see `affine`.

    With `expand` the result is as large as the turned image needs, which must be the same for all images.
    """
    count, _, height, width = images("rotate", img)
    angles = -each("rotate", "angle", angle, count)
    matrices = _inverses("rotate", img, angles, (0, 0), 1.0, 0.0, center)
    sizes = {_expanded(matrix, height, width) for matrix in matrices} if expand else {(height, width)}
    if len(sizes) > 1:
        raise ArgumentError(
            f"rotate: expand=True gives images that are turned by different angles different sizes, got angle={angle!r}"
            "; turn them one by one, or use expand=False"
        )
    return _turned("rotate", img, matrices, interpolation, fill, sizes.pop() if sizes else (height, width))


def _inverses(
    op: str, img: Tensor, angle: Numbers, translate: Any, scale: Numbers, shear: Any, center: Any
) -> np.ndarray[Any, Any]:
    """(N, 6): where each image shows what; right and down from the middles of both, in pixels."""
    count, _, height, width = images(op, img)
    if not isinstance(translate, (tuple, list)) or len(translate) != 2:
        raise ArgumentTypeError(f"{op}: translate must be (right, down), got {translate!r}")
    shears = tuple(shear) if isinstance(shear, (tuple, list)) else (shear, 0.0)
    if len(shears) not in (1, 2):
        raise ArgumentError(f"{op}: shear must be a number or (x, y), got {shear!r}")
    right, down = (each(op, "translate", t, count) for t in translate)
    rotation = np.radians(each(op, "angle", angle, count))
    sx, sy = (np.radians(each(op, "shear", s, count)) for s in shears * (2 // len(shears)))
    size = each(op, "scale", scale, count)
    if not (size > 0).all():
        raise ArgumentError(f"{op}: scale must be positive, got {scale!r}")
    # The inverse of: rotation · shear · scale, about the center (torchvision's _get_inverse_affine_matrix).
    a = np.cos(rotation - sy) / np.cos(sy)
    b = -np.cos(rotation - sy) * np.tan(sx) / np.cos(sy) - np.sin(rotation)
    c = np.sin(rotation - sy) / np.cos(sy)
    d = -np.sin(rotation - sy) * np.tan(sx) / np.cos(sy) + np.cos(rotation)
    inverse = np.stack([d, -b, -c, a], 1) / size[:, None]
    x0, y0 = (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)
    moved_x = x0 - inverse[:, 0] * (x0 + right) - inverse[:, 1] * (y0 + down)
    moved_y = y0 - inverse[:, 2] * (x0 + right) - inverse[:, 3] * (y0 + down)
    return np.stack([inverse[:, 0], inverse[:, 1], moved_x, inverse[:, 2], inverse[:, 3], moved_y], 1)


def _expanded(matrix: np.ndarray[Any, Any], height: int, width: int) -> tuple[int, int]:
    """How large the result must be to show all of the image: (height, width), as Pillow counts."""
    corners = np.array([[x * width / 2, y * height / 2, 1] for x in (-1, 1) for y in (-1, 1)])
    places = corners @ matrix.reshape(2, 3).T + [width / 2, height / 2]
    ends = np.rint(np.array([places.min(0), places.max(0)]) * 1e4) / 1e4  # 7.0000000001 is 7
    across, down = (np.ceil(ends[1]) - np.floor(ends[0])).astype(int).tolist()
    return down, across


def _turned(
    op: str, img: Tensor, matrices: np.ndarray[Any, Any], interpolation: Any, fill: Any, size: tuple[int, int]
) -> Tensor:
    """`img`, whose places are `matrices` times those of the result of `size`, seen from the middles."""
    _, channels, height, width = images(op, img)
    name = tensor_mode(op, interpolation, ("nearest", "bilinear"))
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    moved = matrices.copy()
    moved[:, 2] += (width - 1) / 2 - matrices[:, :2] @ middle
    moved[:, 5] += (height - 1) / 2 - matrices[:, 3:5] @ middle
    return apply(_Affine(moved, _channels(op, "fill", fill, channels), name == "bilinear", size), img)


def erase(img: Tensor, i: Numbers, j: Numbers, h: Numbers, w: Numbers, v: Any, inplace: bool = False) -> Tensor:
    """The images with `v` in boxes of height `h` and width `w` from row `i` and column `j` on.

    `v` is a number, one for each channel, or a tensor (C, 1, 1) or (C, h, w). With `inplace`, `img` itself changes.
    """
    count, channels, _, _ = images("erase", img)
    parts = zip(("i", "j", "h", "w"), (i, j, h, w), strict=True)
    boxes = np.stack([whole_numbers("erase", name, given, count) for name, given in parts], 1)
    if isinstance(v, Tensor) and v.array.shape[-2:] != (1, 1):
        if (boxes != boxes[:1]).any():
            raise ArgumentError(f"erase: v of shape {v.array.shape} goes with one box for all images, got {boxes}")
        result = img if inplace else img.clone()
        top, left, height, width = boxes[0].tolist()
        result[..., top : top + height, left : left + width] = v.to(img.dtype)
        return result
    values = backend.asnumpy(v.array).reshape(-1) if isinstance(v, Tensor) else v
    result = apply(_Erase(boxes, _channels("erase", "v", values, channels)), img)
    return img.copy_(result) if inplace else result
