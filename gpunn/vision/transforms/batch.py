"""Images as batches, and the parameters of each image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.tensor import Tensor

Numbers = Any  # a number, or one for each image: a sequence, an array or a tensor


class ChannelsError(ShapeError, TypeError):
    """A number of channels that a change of colours does not take: torchvision raises TypeError for it."""


class FractionError(ArgumentError, TypeError):
    """A place between two pixels: torchvision raises TypeError for it."""


def apply(transform: Callable[[Tensor], Tensor], img: Tensor) -> Tensor:
    """What `transform` makes of the images (N, C, H, W), or of one image (C, H, W) or mask (H, W)."""
    missing = 4 - img.dim()
    result: Tensor = transform(img[(None,) * missing])
    return result[(0,) * missing]


def by_numbers(transform: Callable[[Tensor], Tensor], img: Tensor) -> Tensor:
    """What `transform` makes of images; of integers but bytes by way of float32, rounded, as torchvision does."""
    dtype = dtypes.of(img.array)
    if dtype is dtypes.uint8 or dtype.is_floating_point:
        return transform(img)
    found = transform(img.to(dtypes.float32))
    return found.to(dtype) if dtype is dtypes.bool_ else found.round().to(dtype)


def images(op: str, img: Any, or_mask: bool = False) -> tuple[int, int, int, int]:
    """(N, C, H, W) of `img`, N = 1 for one image: of uint8 or a floating type; `or_mask`: of any type, or (H, W)."""
    if not isinstance(img, Tensor):
        raise ArgumentTypeError(f"{op}: img must be a Tensor, got {type(img).__name__}; see to_tensor")
    dtype, shape = dtypes.of(img.array), img.array.shape
    if not or_mask and dtype is not dtypes.uint8 and not dtype.is_floating_point:
        raise DtypeError(f"{op}: img must be of uint8 or a floating type, got {dtype}; use img.to(gpunn.float32)")
    if len(shape) not in ((2, 3, 4) if or_mask else (3, 4)):
        kinds = "one (C, H, W) or a mask (H, W)" if or_mask else "one (C, H, W)"
        raise ShapeError(f"{op}: img must be images (N, C, H, W) or {kinds}, got {shape}")
    n, c, h, w = (1,) * (4 - len(shape)) + tuple(shape)
    return n, c, h, w


def each(op: str, name: str, given: Numbers, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The parameter `name` as one number for each of `count` images."""
    found = _numbers(op, name, given, "image")
    if found.shape not in ((), (1,), (count,)):
        raise ShapeError(f"{op}: {name} must be a number or {count}, one for each image, got shape {found.shape}")
    return np.broadcast_to(found.reshape(-1), (count,))


def whole_numbers(op: str, name: str, given: Numbers, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """`each`, of numbers that fit an int32."""
    numbers = each(op, name, given, count)
    if not (np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all() and (np.abs(numbers) < 2**31).all()):
        raise FractionError(f"{op}: {name} must be whole numbers, got {given!r}")
    return numbers.astype(np.int64)


def for_channels(op: str, name: str, given: Any, channels: int) -> np.ndarray[Any, Any]:
    """A number for each channel, from one for all or one for each."""
    numbers = _numbers(op, name, given, "channel")
    if numbers.shape not in ((), (1,), (channels,)):
        raise ArgumentError(f"{op}: {name} must be a number or one for each of {channels} channels, got {given!r}")
    return np.broadcast_to(numbers.reshape(-1), (channels,))


def _numbers(op: str, name: str, given: Any, whose: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`given` as float64; None, of which NumPy would make NaN, and texts are no numbers."""
    value = backend.asnumpy(given.array) if isinstance(given, Tensor) else given
    try:
        if any(
            [part is None or isinstance(part, str) for part in (value if isinstance(value, list | tuple) else [value])]
        ):
            raise TypeError
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"{op}: {name} must be a number or one for each {whose}, got {given!r}") from None


def compute_type(x: Array) -> Any:
    """The type that the values of `x` are computed in."""
    return np.float64 if x.dtype == np.float64 else np.float32


def brightest(x: Array) -> int:
    """The largest value of a channel."""
    return 255 if x.dtype == np.uint8 else 1


def table(like: Array, numbers: Any, dtype: Any) -> Array:
    """Parameters on the device of `like`."""
    xp = array_module(like)
    with backend.placed_on(backend.device_of(like)):
        return xp.asarray(np.ascontiguousarray(numbers, dtype))


def rounded(values: Array, dtype: Any) -> Array:
    """Values as `dtype`; bytes are rounded, halves up."""
    if dtype == np.uint8:
        return np.floor(values + values.dtype.type(0.5)).clip(0, 255).astype(dtype)
    return values.astype(dtype, copy=False)
