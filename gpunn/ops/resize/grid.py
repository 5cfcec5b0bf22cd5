"""Where the points of a sampling grid lie in an input, and which elements around them count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.ops.resize.taps import A_CUBIC

MODES: Final = {"nearest": 1, "bilinear": 2, "bicubic": 4}  # taps along an axis
OUTSIDE: Final = ("zeros", "border", "reflection")  # by their number in kernels/resize/grid.cuh


class Sampling(NamedTuple):
    """How to sample inputs of a size, (D, H, W) or (H, W)."""

    size: tuple[int, ...]
    mode: str
    outside: str
    corners: bool  # -1 and 1 are the centers of the first and the last element, else their outer edges

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.size)

    @property
    def taps(self) -> int:
        """How many elements around a point count."""
        return int(MODES[self.mode] ** self.rank)

    def numbers(self) -> tuple[int, ...]:
        """What every kernel takes: rank, the three sizes, the number of what is outside, and corners."""
        return self.rank, *(1,) * (3 - self.rank), *self.size, OUTSIDE.index(self.outside), self.corners


class Along(NamedTuple):
    """The taps of points along one axis: one array for each tap."""

    at: list[Array]  # which element; -1: outside, where all is 0
    share: Array  # how far behind the first tap (of "bicubic": the second) the point lies
    slope: Array  # the derivative of that with respect to the point


def along(points: Array, axis: int, sampling: Sampling) -> Along:
    """The taps of `points`, coordinates from -1 to 1, along an axis of the input."""
    xp, size = array_module(points), sampling.size[axis]
    number = points.dtype.type
    half = number((size - 1 if sampling.corners else size) / 2)
    place = points * half + number((size - 1) / 2)
    slope = xp.full(points.shape, half, points.dtype)
    if sampling.mode != "bicubic":
        place, slope = _brought_inside(place, slope, size, sampling)
    if sampling.mode == "nearest":
        return Along([_element(xp.rint(place), size)], xp.zeros_like(place), xp.zeros_like(place))
    base = xp.floor(place)
    if sampling.mode == "bilinear":
        at = [_element(base + number(k), size) for k in range(2)]
    else:
        seen = [_brought_inside(base + number(k), slope, size, sampling)[0] for k in (-1, 0, 1, 2)]
        at = [_element(place, size) for place in seen]
    return Along(at, place - base, slope)


def weights(share: Any, mode: str) -> list[Any]:
    """The weights of the taps for a share, an array or a tensor."""
    if mode == "nearest":
        return [1.0]
    if mode == "bilinear":
        return [1 - share, share]
    return [_far(share + 1), _near(share), _near(1 - share), _far(2 - share)]


def slopes(share: Any, mode: str) -> list[Any]:
    """The derivatives of `weights`."""
    if mode == "nearest":
        return [0.0]
    if mode == "bilinear":
        return [-1.0, 1.0]
    return [_far_slope(share + 1), _near_slope(share), -_near_slope(1 - share), -_far_slope(2 - share)]


def each_tap(axes: list[Along], sampling: Sampling) -> Iterator[tuple[tuple[int, ...], Array, Array]]:
    """For each tap its numbers along the axes, which element of the input it is, and whether that is inside.

    `axes` are in the order of the input's; the last one runs fastest.
    """
    per_axis = MODES[sampling.mode]
    for numbers in np.ndindex(*(per_axis,) * sampling.rank):
        inside: Any = None
        element: Any = None
        for axis, number, size in zip(axes, numbers, sampling.size, strict=True):
            at = axis.at[number]
            inside = at >= 0 if inside is None else inside & (at >= 0)
            element = at if element is None else element * size + at
        yield numbers, element * inside, inside


def product(parts: list[Any]) -> Any:
    """The product of arrays, tensors or numbers."""
    return math.prod(parts[1:], start=parts[0])


def _element(place: Array, size: int) -> Array:
    """Places as numbers of elements, -1 outside, also for NaN. (By products: NumPy's where takes ten times as long.)"""
    with np.errstate(invalid="ignore"):
        element = place.astype(np.int64)
    element += 1
    element *= (place >= 0) & (place < size)
    element -= 1
    return element


def _brought_inside(place: Array, slope: Array, size: int, sampling: Sampling) -> tuple[Array, Array]:
    """The places in the input that show what is to be seen at `place`, and their derivatives.

    NaN is brought to 0, as PyTorch does for images on the CPU; for volumes it takes the other end there (2.13).
    """
    if sampling.outside == "zeros":
        return place, slope
    xp = array_module(place)
    if sampling.outside == "reflection":
        low, high = (0.0, size - 1.0) if sampling.corners else (-0.5, size - 0.5)
        if low == high:
            return xp.zeros_like(place), xp.zeros_like(slope)
        span = place.dtype.type(high - low)
        distance = place - place.dtype.type(low)
        slope = xp.where(distance < 0, -slope, slope)
        distance = xp.abs(distance)
        turns = xp.floor(distance / span)
        rest, is_even = distance - turns * span, xp.fmod(turns, 2) == 0
        place = xp.where(is_even, rest, span - rest) + place.dtype.type(low)
        slope = xp.where(is_even, slope, -slope)
    is_inside = (place > 0) & (place < size - 1)
    place = xp.where(place > 0, xp.minimum(place, place.dtype.type(size - 1)), place.dtype.type(0))
    return place, xp.where(is_inside, slope, slope.dtype.type(0))


def _near(t: Any) -> Any:
    return ((A_CUBIC + 2) * t - (A_CUBIC + 3)) * t * t + 1


def _far(t: Any) -> Any:
    return ((A_CUBIC * t - 5 * A_CUBIC) * t + 8 * A_CUBIC) * t - 4 * A_CUBIC


def _near_slope(t: Any) -> Any:
    return (3 * (A_CUBIC + 2) * t - 2 * (A_CUBIC + 3)) * t


def _far_slope(t: Any) -> Any:
    return (3 * A_CUBIC * t - 10 * A_CUBIC) * t + 8 * A_CUBIC
