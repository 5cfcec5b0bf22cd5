"""Images in another size, as a whole or a part of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError
from gpunn.nn.functional import interpolate
from gpunn.ops.resize.resample import along, resampled
from gpunn.ops.resize.taps import Axis, Taps, taps_of
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import Numbers, apply, by_numbers, images, table, whole_numbers
from gpunn.vision.transforms.geometry import crop
from gpunn.vision.transforms.interpolation import InterpolationMode, tensor_mode
from gpunn.vision.transforms.sizes import resized

MODES: Final = ("nearest", "nearest-exact", "bilinear", "bicubic")
Size = tuple[int, int]
KINDS: Final = {"bilinear": "linear", "bicubic": "cubic"}  # of the axes


class _Parts(Function):
    """The part `boxes` (N, 4: top, left, height, width) of each image of size `before`, in one `size`; or the gradient.

    Bytes are rounded after each axis. An axis at a time, the row first, as one long axis of all images: N images of C
    planes of n elements each.
    """

    def __init__(
        self, boxes: np.ndarray[Any, Any], before: Size, size: Size, kind: str, is_transposed: bool = False
    ) -> None:
        self.boxes, self.before, self.size, self.kind, self.is_transposed = boxes, before, size, kind, is_transposed

    def forward_numpy(self, x: Array) -> Array:
        return self._both(x, _sums_numpy)

    def forward_cuda(self, x: Array) -> Array:
        return self._both(x, _sums_cuda)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = _Parts(self.boxes, self.before, self.size, self.kind, not self.is_transposed)(grad)
        return result

    def _both(self, x: Array, sums: Any) -> Array:
        wide = x if x.dtype in (np.uint8, np.float64) else x.astype(np.float32)
        found = self._resized(self._resized(wide, True, sums), False, sums)
        return array_module(x).ascontiguousarray(found).astype(x.dtype, copy=False)

    def _resized(self, x: Array, is_row: bool, sums: Any) -> Array:
        """Images (N, C, H, W) with one axis resized by `sums` along the middle of a stack (1, long axis, inner)."""
        xp, (n, c, h, w) = array_module(x), x.shape
        taps = self._taps(n, c, is_row, str(x.dtype))
        lines = xp.ascontiguousarray(x.transpose(0, 1, 3, 2) if is_row else x)
        lines = lines.reshape(1, n * c * (w if is_row else h), h if is_row else w)
        found = sums(lines, taps.transposed() if self.is_transposed else taps)
        out = (self.before if self.is_transposed else self.size)[is_row]
        found = found.reshape(n, c, out, h if is_row else w)
        return found.transpose(0, 1, 3, 2) if is_row else found

    def _taps(self, n: int, c: int, is_row: bool, dtype: str) -> Taps:
        """What each place of the long axis is made of."""
        length, out = self.before[is_row], self.size[is_row]
        starts, sizes = self.boxes[:, int(is_row)], self.boxes[:, 2 + is_row]
        each = [taps_of(Axis(size, out, self.kind), dtype, False) for size in sizes.tolist()]
        width = max([taps.width for taps in each])
        weights = np.zeros((n, c, out, width), each[0].weights.dtype)
        for its, taps in zip(weights, each, strict=True):
            its[..., : taps.width] = taps.weights
        planes = np.arange(n * c).reshape(n, c, 1) * length
        first = planes + starts[:, None, None] + np.stack([taps.first for taps in each])[:, None]
        count = np.broadcast_to(np.stack([taps.count for taps in each])[:, None], first.shape)
        flat = [np.ascontiguousarray(table, np.int32).reshape(-1) for table in (first, count)]
        return Taps(flat[0], flat[1], weights.reshape(-1, width), n * c * length)


def _sums_numpy(stack: Array, taps: Taps) -> Array:
    if stack.dtype != np.uint8:
        return along(1, stack, taps)
    found = along(1, stack.astype(np.float32), taps)
    return np.floor(found + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def _sums_cuda(stack: Array, taps: Taps) -> Array:
    tables = [table(stack, numbers, numbers.dtype) for numbers in (taps.first, taps.count, taps.weights)]
    return resampled(stack, [Taps(tables[0], tables[1], tables[2], taps.size)])


def resize(
    img: Tensor,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Tensor:
    """The images in another size (H, W); one number is the length of the shorter side.

    With `max_size` the shorter side is even shorter where the longer one would exceed it. `interpolation` is NEAREST,
    NEAREST_EXACT, BILINEAR or BICUBIC; the last two let all pixels count when images shrink, if `antialias`. Bytes
    are rounded after each axis, as in torchvision's second version and in Pillow, from which a pixel is a step off at
    most (rows first).
    """
    _, _, height, width = images("resize", img, or_mask=True)
    name = tensor_mode("resize", interpolation, MODES)
    out = resized(height, width, size, max_size)
    if out == (height, width):
        return img
    antialias = bool(antialias) and name in KINDS
    return by_numbers(lambda x: apply(lambda whole: interpolate(whole, out, mode=name, antialias=antialias), x), img)


def resized_crop(
    img: Tensor,
    top: Numbers,
    left: Numbers,
    height: Numbers,
    width: Numbers,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Tensor:
    """The part of each image from row `top` and column `left` on, resized to `size`; see `resize`.

    The boxes may be one for each image, which must then be inside, and `size` be (height, width).
    """
    count, _, rows, columns = images("resized_crop", img, or_mask=True)
    given = zip(("top", "left", "height", "width"), (top, left, height, width), strict=True)
    boxes = np.stack([whole_numbers("resized_crop", name, numbers, count) for name, numbers in given], 1)
    name = tensor_mode("resized_crop", interpolation, MODES)
    if count == 0 or (boxes == boxes[:1]).all():
        box = boxes[0].tolist() if count else [0, 0, rows, columns]
        return resize(crop(img, *box), size, interpolation, antialias=antialias)
    ends = boxes[:, :2] + boxes[:, 2:]
    if (boxes[:, :2] < 0).any() or (boxes[:, 2:] <= 0).any() or (ends > [rows, columns]).any():
        raise ArgumentError(f"resized_crop: boxes must be inside of {rows} x {columns}, got {boxes.tolist()}")
    if isinstance(size, int) or len(size) != 2:
        raise ArgumentError(f"resized_crop: size must be (height, width) for boxes of many shapes, got {size!r}")
    kind = KINDS.get(name, name) + ("-antialias" if antialias and name in KINDS else "")
    parts = _Parts(boxes, (rows, columns), resized(rows, columns, size, None), kind)
    return by_numbers(lambda x: apply(parts, x), img)
