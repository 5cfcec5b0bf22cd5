"""Brightness, contrast, saturation and hue, for each image its own; bytes are cut off, as in torchvision."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError
from gpunn.ops import cat, minimum, where, zeros_like
from gpunn.ops import tensor as new_tensor
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import ChannelsError, Numbers, apply, brightest, compute_type, each, images, table

FILE: Final = "image/colour"  # of the kernels
BLOCK: Final = 256
SHARES: Final = (0.2989, 0.587, 0.114)  # of red, green and blue in how bright a pixel is
OTHERS: Final = ("black", "mean", "gray")  # by their number in the file


class _Blend(Function):
    """factor · x + (1 - factor) · other, where `other` is "black", the "mean" of the image, or "gray".

    Both factors are found in float64 and rounded once, as in torchvision: some bytes are a step off otherwise.
    """

    saves: ClassVar = {0: (0,)}

    def __init__(self, factors: np.ndarray[Any, Any], other: str) -> None:
        self.factors, self.other = factors, other
        self.both = np.stack([factors, 1 - factors], 1)

    def forward_numpy(self, x: Array) -> Array:
        number = compute_type(x)
        mine, others = self.both.astype(number).T[..., None, None, None]
        other: Any = number(0)
        if self.other == "gray":
            other = _gray(x)
        if self.other == "mean":
            other = _gray(x).mean((1, 2, 3), dtype=np.float64, keepdims=True).astype(number)
        return _bounded(mine * x.astype(number) + others * other, x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        xp, number, (n, c, *size) = array_module(x), compute_type(x), x.shape
        source, pixels = xp.ascontiguousarray(x), math.prod(size)
        y, means, factors = xp.empty(x.shape, x.dtype), xp.empty(n, number), table(x, self.both, number)
        if self.other == "mean":
            kernels.launch(FILE, "mean_brightness", n * BLOCK * (pixels > 0), (means, source, n, c, pixels))
        kernels.launch(FILE, "blend", n * pixels, (y, source, factors, means, n, c, pixels, OTHERS.index(self.other)))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """Where the result is not bounded: factor · g, and what the other image gives back to each channel."""
        x = self.saved(0).detach()
        channels, factors = x.array.shape[1], new_tensor(self.factors, dtype=x.dtype, device=x.device)
        factors = factors.reshape(-1, 1, 1, 1)
        shares = new_tensor(SHARES if channels == 3 else (1.0,), dtype=x.dtype, device=x.device).reshape(-1, 1, 1)
        gray = (shares * x).sum(1, keepdim=True)
        other = {"black": 0 * gray, "gray": gray, "mean": gray.mean((1, 2, 3), keepdim=True)}[self.other]
        free = factors * x + (1 - factors) * other
        g = grad * ((free >= 0) & (free <= 1)).to(grad.dtype)
        if self.other == "black":
            return factors * g
        back = g.sum(1, keepdim=True) if self.other == "gray" else g.sum((1, 2, 3), keepdim=True) / gray[0].numel()
        return factors * g + (1 - factors) * shares * back


class _Hue(Function):
    """Hues moved by `shifts` (N,), parts of the circle."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, shifts: np.ndarray[Any, Any]) -> None:
        self.shifts = shifts

    def forward_numpy(self, x: Array) -> Array:
        y = np.empty_like(x)
        for image, found, shift in zip(x, y, self.shifts.astype(compute_type(x)), strict=True):
            found[...] = _turned(image.astype(shift.dtype) / shift.dtype.type(brightest(x)), shift, x.dtype)
        return y

    def forward_cuda(self, x: Array) -> Array:
        xp, pixels = array_module(x), math.prod(x.shape[2:])
        y = xp.empty(x.shape, x.dtype)
        args = (y, xp.ascontiguousarray(x), table(x, self.shifts, compute_type(x)), len(x), pixels)
        kernels.launch(FILE, "shift_hue", len(x) * pixels, args)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """Channel n of the result is top - spread · φ, φ = min(k, 4 - k) within [0, 1], k = (5 - 2n + 6 hue) mod 6.

        6 hue is 2m + ratio + 6 shift, where m is the number of the largest channel and the ratio the difference of the
        next two, on the circle of channels, over the spread.
        """
        x = self.saved(0)
        most, least = x.argmax(1, keepdim=True), 2 - x.flip(1).argmin(1, keepdim=True)
        top, low = x.gather(1, most), x.gather(1, least)
        after, last = x.gather(1, (most + 1) % 3), x.gather(1, (most + 2) % 3)
        spread = top - low
        is_gray = spread == 0
        ratio = (after - last) / where(is_gray, 1.0, spread)
        shifts = new_tensor(self.shifts, dtype=x.dtype, device=x.device).reshape(-1, 1, 1, 1)
        starts = new_tensor([5.0, 3.0, 1.0], dtype=x.dtype, device=x.device).reshape(3, 1, 1)
        k = (starts + 2 * most.to(x.dtype) + ratio + 6 * shifts) % 6
        ramp = minimum(k, 4 - k).clamp(0, 1)
        slope = (k < 1).to(x.dtype) - ((k > 3) & (k < 4)).to(x.dtype)
        turned = where(is_gray, 0.0, (grad * slope).sum(1, keepdim=True))
        taken = (grad * ramp).sum(1, keepdim=True) - turned * ratio
        dx = zeros_like(x).scatter_add(1, most, grad.sum(1, keepdim=True) - taken).scatter_add(1, least, taken)
        return dx.scatter_add(1, (most + 1) % 3, -turned).scatter_add(1, (most + 2) % 3, turned)


def _turned(image: Array, shift: Any, dtype: Any) -> Array:
    """One image (3, H, W), small enough for the cache, with its hues moved."""
    (r, g, b), number = image, image.dtype.type
    top, low = np.maximum(np.maximum(r, g), b), np.minimum(np.minimum(r, g), b)
    spread = top - low
    divisor = np.where(spread != 0, spread, number(1))
    saturation = np.where(spread != 0, spread / np.where(top != 0, top, number(1)), number(0))
    to_r, to_g, to_b = (top - r) / divisor, (top - g) / divisor, (top - b) / divisor
    side = np.where(top == r, to_b - to_g, np.where(top == g, 2 + to_r - to_b, 4 + to_g - to_r))
    hue = np.where(spread != 0, side / number(6), number(0)) + shift
    sixth = (hue - np.floor(hue)) * number(6)
    rest = sixth - np.floor(sixth)
    p = top * (1 - saturation)
    q, t = top * (1 - saturation * rest), top * (1 - saturation * (1 - rest))
    which = np.floor(sixth).astype(int) % 6
    choices = ([top, q, p, p, t, top], [t, top, top, q, p, p], [p, p, t, top, top, q])
    found = np.stack([np.choose(which, channel) for channel in choices])
    return _bounded(found * number(255.999) if dtype == np.uint8 else found, dtype)


def _gray(x: Array) -> Array:
    """How bright each pixel is: (N, 1, H, W), bytes cut off."""
    wide = x.astype(compute_type(x))
    if x.shape[1] == 1:
        return wide
    r, g, b = (wide[:, c : c + 1] * wide.dtype.type(share) for c, share in enumerate(SHARES))
    return np.floor((r + g) + b) if x.dtype == np.uint8 else ((r + g) + b).astype(x.dtype).astype(wide.dtype)


def _bounded(values: Array, dtype: Any) -> Array:
    if dtype == np.uint8:
        return np.floor(values.clip(0, 255)).astype(dtype)
    return values.clip(0, 1).astype(dtype)


def _factors(op: str, name: str, img: Tensor, given: Numbers) -> np.ndarray[Any, Any]:
    count, channels, _, _ = images(op, img)
    if channels not in (1, 3):
        raise ChannelsError(f"{op}: img must have 1 or 3 channels, got {channels} of shape {img.array.shape}")
    factors = each(op, name, given, count)
    if not ((factors >= 0) & (factors < np.inf)).all():
        raise ArgumentError(f"{op}: {name} must be finite and must not be negative, got {given!r}")
    return factors


def adjust_brightness(img: Tensor, brightness_factor: Numbers) -> Tensor:
    """The images `brightness_factor` times as bright; 0 is black, 1 changes nothing."""
    factors = _factors("adjust_brightness", "brightness_factor", img, brightness_factor)
    return apply(_Blend(factors, "black"), img)


def adjust_contrast(img: Tensor, contrast_factor: Numbers) -> Tensor:
    """The images with pixels `contrast_factor` times as far from the mean gray; 0 is all gray, 1 changes nothing."""
    factors = _factors("adjust_contrast", "contrast_factor", img, contrast_factor)
    return apply(_Blend(factors, "mean"), img)


def adjust_saturation(img: Tensor, saturation_factor: Numbers) -> Tensor:
    """The images `saturation_factor` times as colourful; 0 is gray, 1 changes nothing."""
    factors = _factors("adjust_saturation", "saturation_factor", img, saturation_factor)
    if img.array.shape[-3] == 1:
        return img
    return apply(_Blend(factors, "gray"), img)


def adjust_hue(img: Tensor, hue_factor: Numbers) -> Tensor:
    """The images with all colours moved by `hue_factor`, from -0.5 to 0.5, along the circle of hues."""
    _factors("adjust_hue", "hue_factor", img, 0.0)
    shifts = each("adjust_hue", "hue_factor", hue_factor, images("adjust_hue", img)[0])
    if not ((shifts >= -0.5) & (shifts <= 0.5)).all():
        raise ArgumentError(f"adjust_hue: hue_factor must be from -0.5 to 0.5, got {hue_factor!r}")
    return img if img.array.shape[-3] == 1 else apply(_Hue(shifts), img)


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Tensor:
    """How bright the pixels are, 0.2989 r + 0.587 g + 0.114 b, in 1 or 3 equal channels; bytes are cut off."""
    _, channels, _, _ = images("rgb_to_grayscale", img)
    if channels not in (1, 3):
        raise ChannelsError(
            f"rgb_to_grayscale: img must have 1 or 3 channels, got {channels} of shape {img.array.shape}"
        )
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"num_output_channels should be either 1 or 3, got {num_output_channels!r}")
    gray = img.clone()
    if channels == 3:
        wide = img if dtypes.of(img.array) is dtypes.float64 else img.to(dtypes.float32)
        r, g, b = (wide.narrow(-3, c, 1) for c in range(3))
        gray = (0.2989 * r + 0.587 * g + 0.114 * b).to(dtypes.of(img.array))
    return gray if num_output_channels == 1 else cat([gray] * 3, -3)
