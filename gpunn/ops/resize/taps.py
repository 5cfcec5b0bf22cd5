"""Which elements along an axis each place of a resized axis is made of, and with which weights."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Numbers = np.ndarray[Any, Any]

A_CUBIC: Final = -0.75  # of the cubic through neighbouring samples; PyTorch's
A_ANTIALIAS: Final = -0.5  # of the cubic that is stretched over all samples; PyTorch's and Pillow's


@dataclass(frozen=True)
class Axis:
    """One axis that is resized: how, and from which size to which.

    `kind` is "nearest", "nearest-exact", "linear", "cubic", "linear-antialias" or "cubic-antialias". `factor` is the
    scale factor if the user gave one that counts instead of out / size; with `align_corners` the ends meet.
    """

    size: int
    out: int
    kind: str
    align_corners: bool = False
    factor: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the axis stays as it is."""
        return self.size == self.out and self.factor in (None, 1.0)


@dataclass(frozen=True, eq=False)
class Taps:
    """Place o of the new axis is Σ weights[o, t] · element first[o] + t of the old one, over t < count[o]."""

    first: Numbers  # (out,) int32
    count: Numbers  # (out,) int32
    weights: Numbers  # (out, width), 0 from `count` on
    size: int  # of the old axis

    @property
    def out(self) -> int:
        """The size of the new axis."""
        return len(self.first)

    @property
    def width(self) -> int:
        """The largest count, or 1."""
        return int(self.weights.shape[1])

    def transposed(self) -> Taps:
        """The taps of the transposed sums: from the new axis back to the old one."""
        ends = self.first + self.count
        places = np.arange(self.size)
        first = np.searchsorted(ends, places, "right")
        count = np.searchsorted(self.first, places, "right") - first
        tap = np.arange(max(int(count.max(initial=0)), 1))
        source = np.minimum(first[:, None] + tap, self.out - 1)
        column = (places[:, None] - self.first[source]).clip(0, self.width - 1)
        weights = np.where(tap < count[:, None], self.weights[source, column], 0)
        return Taps(_int32(first), _int32(count), weights.astype(self.weights.dtype), self.out)


@functools.lru_cache(maxsize=256)
def taps_of(axis: Axis, dtype: str, is_transposed: bool) -> Taps:
    """The taps along `axis`, computed as PyTorch does in `dtype`, or the transposed ones.

    For uint8 see `_quantized`.
    """
    if is_transposed:
        return taps_of(axis, dtype, False).transposed()
    if dtype == "uint8":
        return _quantized(taps_of(axis, "float64", False))
    if axis.kind.endswith("antialias"):
        return _antialiased(axis, np.dtype(dtype))
    places = np.arange(axis.out).astype(dtype)
    scale = _scale(axis, np.dtype(dtype))
    if axis.kind.startswith("nearest"):
        shift = places.dtype.type(0.5 if axis.kind == "nearest-exact" else 0)
        index = np.floor((places + shift) * scale).astype(np.int64).clip(None, axis.size - 1)
        return _merged(axis, [index], [np.ones(axis.out, dtype)])
    half = places.dtype.type(0.5)
    source = places * scale if axis.align_corners else (places + half) * scale - half
    if axis.kind == "linear":
        source = np.maximum(source, 0)
    index = np.minimum(np.floor(source).astype(np.int64), axis.size - 1)
    share = (source - index.astype(dtype)).clip(0, 1)
    if axis.kind == "linear":
        return _merged(axis, [index, index + 1], [1 - share, share])
    weights = [_cubic(distance, A_CUBIC) for distance in (share + 1, share, 1 - share, 2 - share)]
    return _merged(axis, [index - 1, index, index + 1, index + 2], weights)


def _scale(axis: Axis, dtype: np.dtype[Any]) -> Any:
    """How far places of the old axis are apart that neighbours of the new one lie at."""
    if axis.align_corners and not axis.kind.startswith("nearest"):
        return dtype.type(axis.size - 1) / dtype.type(axis.out - 1) if axis.out > 1 else dtype.type(0)
    if axis.factor is not None and axis.factor > 0:
        return dtype.type(1.0 / axis.factor)
    return dtype.type(axis.size) / dtype.type(max(axis.out, 1))


def _merged(axis: Axis, indices: list[Numbers], weights: list[Numbers]) -> Taps:
    """Taps at ascending indices; what is beyond the ends counts for the elements there."""
    inside = [index.clip(0, axis.size - 1) for index in indices]
    first, count = inside[0], inside[-1] - inside[0] + 1
    merged = np.zeros((axis.out, max(int(count.max(initial=0)), 1)), weights[0].dtype)
    rows = np.arange(axis.out)
    for index, weight in zip(inside, weights, strict=True):
        merged[rows, index - first] += weight
    return Taps(_int32(first), _int32(count), merged, axis.size)


def _antialiased(axis: Axis, dtype: np.dtype[Any]) -> Taps:
    """The filter stretched so that every element counts when an axis gets shorter; weights add up to 1."""
    is_linear, scale = axis.kind.startswith("linear"), _scale(axis, dtype)
    stretch = np.maximum(scale, dtype.type(1))
    reach = dtype.type(1 if is_linear else 2) * stretch
    center = scale * (np.arange(axis.out).astype(dtype) + dtype.type(0.5))
    first = np.maximum((center - reach + dtype.type(0.5)).astype(np.int64), 0)
    count = np.minimum((center + reach + dtype.type(0.5)).astype(np.int64), axis.size) - first
    tap = np.arange(max(int(count.max(initial=0)), 1))
    distance = np.abs(((tap + first[:, None]).astype(dtype) - center[:, None] + dtype.type(0.5)) / stretch)
    weights = np.maximum(1 - distance, 0) if is_linear else _cubic(distance, A_ANTIALIAS)
    weights = np.where(tap < count[:, None], weights, 0)
    total = weights.sum(1, keepdims=True)
    weights = np.where(total != 0, weights / np.where(total != 0, total, 1), weights)
    return Taps(_int32(first), _int32(count), weights.astype(dtype), axis.size)


def _quantized(taps: Taps) -> Taps:
    """PyTorch's weights for uint8: multiples of 2^-p that have 15 bits. Their sums are exact in float32."""
    largest, precision = float(taps.weights.max(initial=0)), 0
    while precision < 22 and int(0.5 + largest * 2 ** (precision + 1)) < 2**15:
        precision += 1
    shift = np.where(taps.weights < 0, -0.5, 0.5)
    weights = np.trunc(taps.weights * 2**precision + shift) / 2**precision
    return Taps(taps.first, taps.count, weights.astype(np.float32), taps.size)


def _cubic(distance: Numbers, a: float) -> Numbers:
    """The weight of a sample at a distance of 0 to 2 in cubic convolution (Keys 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    found: Numbers = np.where(distance <= 1, near, np.where(distance < 2, far, 0)).astype(distance.dtype)
    return found


def _int32(numbers: Numbers) -> Numbers:
    return np.ascontiguousarray(numbers, np.int32)
