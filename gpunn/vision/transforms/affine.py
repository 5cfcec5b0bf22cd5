"""Images turned, moved, scaled and sheared, each in its own way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.ops import as_tensor, zeros
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import (
    Numbers,
    apply,
    by_numbers,
    compute_type,
    each,
    for_channels,
    images,
    rounded,
    table,
)
from gpunn.vision.transforms.interpolation import tensor_mode

FILE = "image/geometry"  # of the kernels


class _Affine(Function):
    """The place of each pixel is (a, b, c; d, e, f) · (w, h, 1); `matrices` (N, 6), `fill` (C,).

    Bilinear, pixels outside are 0; if `is_filled` the share s that is inside counts twice, as in torchvision:
    s · sum + (1 - s) · fill.
    """

    def __init__(
        self,
        matrices: np.ndarray[Any, Any],
        fill: np.ndarray[Any, Any],
        size: tuple[int, int],
        is_bilinear: bool,
        is_filled: bool,
    ) -> None:
        self.matrices, self.fill, self.size = matrices, fill, size
        self.is_bilinear, self.is_filled = is_bilinear, is_filled and is_bilinear

    def forward_numpy(self, x: Array) -> Array:
        y, self.before = np.empty((*x.shape[:2], *self.size), x.dtype), x.shape[2:]
        for image, found, matrix in zip(x, y, self.matrices.astype(compute_type(x)), strict=True):
            found[...] = rounded(self._moved(image.astype(matrix.dtype), matrix), x.dtype)
        return y

    def _moved(self, image: Array, matrix: Array) -> Array:
        """One image (C, H, W), small enough for the cache."""
        (c, height, width), fill = image.shape, self.fill.astype(image.dtype)[:, None, None]
        flat, sums = image.reshape(c, height * width), np.zeros((c, *self.size), image.dtype)
        outside, seen = np.zeros_like(fill) if self.is_bilinear else fill, image.dtype.type(0)
        for place, inside, share in self._seen(matrix, height, width):
            found = np.where(inside, flat.take(place, 1), outside) if flat.size else outside
            sums = sums + share * found if self.is_bilinear else found
            seen = seen + np.where(inside, share, image.dtype.type(0))
        return sums * seen + (1 - seen) * fill if self.is_filled else sums

    def _seen(self, matrix: Array, height: int, width: int) -> Iterator[tuple[Array, Array, Array]]:
        """The one or four pixels that each place (H', W') shows: their numbers, whether they are inside, and shares."""
        (a, b, right, d, e, down), number = matrix, matrix.dtype.type
        w, h = np.arange(self.size[1], dtype=number), np.arange(self.size[0], dtype=number)[:, None]
        column, row = (a * w + b * h) + right, (d * w + e * h) + down
        left, top = (np.floor(column), np.floor(row)) if self.is_bilinear else (np.rint(column), np.rint(row))
        shares = ((1 - (row - top), row - top), (1 - (column - left), column - left))
        for k in range(1 + self.is_bilinear):
            for j in range(1 + self.is_bilinear):
                at_h, at_w = top + number(k), left + number(j)
                inside = (at_h >= 0) & (at_h < height) & (at_w >= 0) & (at_w < width)
                place = np.where(inside, at_h, 0).astype(np.int64) * width + np.where(inside, at_w, 0).astype(np.int64)
                yield place, inside, shares[0][k] * shares[1][j] if self.is_bilinear else np.ones_like(row)

    def forward_cuda(self, x: Array) -> Array:
        xp, number, self.before = array_module(x), compute_type(x), x.shape[2:]
        y = xp.empty((*x.shape[:2], *self.size), x.dtype)
        tables = (table(x, self.matrices, number), table(x, self.fill, number))
        args = (y, xp.ascontiguousarray(x), *tables, *x.shape, *self.size, self.is_bilinear, self.is_filled)
        kernels.launch(FILE, "affine", x.shape[0] * math.prod(self.size), args)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """What each pixel was seen of, added up: the places are computed as `forward` did, whichever device it was."""
        (n, c), (height, width) = grad.array.shape[:2], self.before
        seen = [list(self._seen(matrix, height, width)) for matrix in self.matrices.astype(compute_type(grad.array))]
        flat, dx = grad.reshape(n, c, -1), zeros(n, c, height * width, dtype=grad.dtype, device=grad.device)
        totals = [sum([np.where(inside, share, 0) for _, inside, share in taps]) for taps in seen]
        weights = np.stack(totals).reshape(n, 1, -1) if self.is_filled else 1
        for taps in zip(*seen, strict=True):
            places = np.stack([place.reshape(1, -1) for place, _, _ in taps])
            shares = np.stack([np.where(inside, share, 0).reshape(1, -1) for _, inside, share in taps]) * weights
            index = as_tensor(places, device=grad.device).expand(n, c, places.shape[2])
            dx = dx.scatter_add(2, index, flat * as_tensor(shares, device=grad.device).to(grad.dtype))
        return dx.reshape(n, c, height, width)


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
    channel, is what is outside; at the edges bilinear images fade to it, without one to 0.
    """
    _, _, height, width = images("affine", img, or_mask=True)
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
    count, _, height, width = images("rotate", img, or_mask=True)
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
    count, _, height, width = images(op, img, or_mask=True)
    if not isinstance(translate, (tuple, list)) or len(translate) != 2:
        raise ArgumentTypeError(f"{op}: translate must be (right, down), got {translate!r}")
    shears = tuple(shear) if isinstance(shear, (tuple, list)) else (shear, 0.0)
    if len(shears) not in (1, 2):
        raise ArgumentError(f"{op}: shear must be a number or (x, y), got {shear!r}")
    right, down = (each(op, "translate", t, count) for t in translate)
    rotation = np.radians(each(op, "angle", angle, count))
    sx, sy = (np.radians(each(op, "shear", s, count)) for s in shears * (2 // len(shears)))
    size = each(op, "scale", scale, count)
    if not np.isfinite([right, down, rotation, sx, sy, size]).all():
        given = f"{angle!r}, {translate!r}, {scale!r} and {shear!r}"
        raise ArgumentError(f"{op}: angle, translate, scale and shear must be finite, got {given}")
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
    _, channels, height, width = images(op, img, or_mask=True)
    name = tensor_mode(op, interpolation, ("nearest", "bilinear"))
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    moved = matrices.copy()
    moved[:, 2] += (width - 1) / 2 - matrices[:, :2] @ middle
    moved[:, 5] += (height - 1) / 2 - matrices[:, 3:5] @ middle
    values = for_channels(op, "fill", 0.0 if fill is None else fill, channels)
    transform = _Affine(moved, values, size, name == "bilinear", fill is not None)
    return by_numbers(lambda x: apply(transform, x), img)
