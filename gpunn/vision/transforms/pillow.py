"""The transforms of `functional` for images of Pillow, by Pillow's own means: numbers as torchvision gives them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision.libraries import pillow
from gpunn.vision.transforms import conversion, filters
from gpunn.vision.transforms.interpolation import InterpolationMode, pillow_number
from gpunn.vision.transforms.sizes import padding_mode_of, padding_sides, pair, resized

GRAY_MODES = ("L", "1", "I", "F")


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part from row `top` and column `left` on, black outside of the image."""
    return img.crop((left, top, left + width, top + height))


def crop_and_flip(
    img: Any, top: int, left: int, height: int, width: int, horizontal: bool = False, vertical: bool = False
) -> Any:
    """`crop`, then flipped as asked for."""
    return vflip(hflip(crop(img, top, left, height, width), horizontal), vertical)


def hflip(img: Any, chosen: bool = True) -> Any:
    """The image mirrored, left to right."""
    return img.transpose(pillow("Image", "hflip").Transpose.FLIP_LEFT_RIGHT) if chosen else img


def vflip(img: Any, chosen: bool = True) -> Any:
    """The image upside down."""
    return img.transpose(pillow("Image", "vflip").Transpose.FLIP_TOP_BOTTOM) if chosen else img


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image, black around it where it is smaller."""
    (height, width), (columns, rows) = pair("center_crop", "output_size", output_size), img.size
    top, left = (round((n - m) / 2) if n >= m else -((m - n) // 2) for n, m in ((rows, height), (columns, width)))
    return crop(img, top, left, height, width)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image in another size; Pillow always lets all pixels count."""
    number = pillow_number("resize", interpolation)
    out = resized(img.height, img.width, size, max_size)
    if out == (img.height, img.width):
        return img
    if antialias is False:
        warnings.warn("resize: Pillow lets all pixels count when images shrink; antialias is ignored", stacklevel=3)
    return img.resize(out[::-1], number)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a frame: "constant" shows `fill`, the other modes what is inside."""
    left, top, right, bottom = padding_sides("pad", padding)
    mode = padding_mode_of("pad", padding_mode)
    if mode == "constant":
        color: Any = filling("pad", img, fill)
        wide = pillow("Image", "pad").new(img.mode, (img.width + left + right, img.height + top + bottom), color)
        if img.mode == "P":
            wide.putpalette(img.getpalette())
        wide.paste(img, (left, top))
        return wide
    kept = img.crop((-min(left, 0), -min(top, 0), img.width + min(right, 0), img.height + min(bottom, 0)))
    array = np.asarray(kept)
    amounts = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))] + [(0, 0)] * (array.ndim - 2)
    wide = pillow("Image", "pad").fromarray(np.pad(array, amounts, mode))  # type: ignore[call-overload]
    if img.mode == "P":
        wide.putpalette(img.getpalette())
    return wide


def filling(op: str, img: Any, fill: Any) -> Any:
    """`fill` as Pillow takes it: one number, or one for each channel."""
    count = len(img.getbands())
    several = list(fill) if isinstance(fill, (tuple, list)) else [0 if fill is None else fill]
    if len(several) not in (1, count):
        raise ArgumentError(
            f"{op}: The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(several)} != {count})"
        )
    if not all(isinstance(number, (int, float)) for number in several):
        raise ArgumentTypeError(f"{op}: Got inappropriate fill arg: a number or one for each channel, got {fill!r}")
    several = several if img.mode == "F" else [int(number) for number in several]
    return several[0] if count == 1 else tuple(several * (count // len(several)))


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float] | float,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """The image turned clockwise, moved, scaled and sheared around its middle or `center`."""
    number = pillow_number("affine", interpolation)
    x, y = (img.width / 2, img.height / 2) if center is None else center
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be positive, got {scale!r}")
    shears = tuple(shear) if isinstance(shear, (tuple, list)) else (shear, 0.0)
    rotation, (sx, sy) = np.radians(angle), np.radians(shears * (2 // len(shears)))
    forward = [
        [np.cos(rotation - sy) / np.cos(sy), -np.cos(rotation - sy) * np.tan(sx) / np.cos(sy) - np.sin(rotation)],
        [np.sin(rotation - sy) / np.cos(sy), -np.sin(rotation - sy) * np.tan(sx) / np.cos(sy) + np.cos(rotation)],
    ]
    (a, b), (c, d) = forward
    inverse = np.array([[d, -b], [-c, a]]) / scale
    moved = np.array([x, y]) - inverse @ [x + translate[0], y + translate[1]]
    matrix = (*inverse[0].tolist(), float(moved[0]), *inverse[1].tolist(), float(moved[1]))
    method = pillow("Image", "affine").Transform.AFFINE
    return img.transform(img.size, method, matrix, number, fillcolor=filling("affine", img, fill))


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned counter-clockwise around its middle or `center`; with `expand` as large as it must be."""
    number = pillow_number("rotate", interpolation)
    return img.rotate(angle, number, expand, center, fillcolor=filling("rotate", img, fill))


def _enhanced(op: str, kind: str, img: Any, name: str, factor: float) -> Any:
    if factor < 0:
        raise ArgumentError(f"{op}: {name} must not be negative, got {factor!r}")
    return getattr(pillow("ImageEnhance", op), kind)(img).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """The image `brightness_factor` times as bright."""
    return _enhanced("adjust_brightness", "Brightness", img, "brightness_factor", brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The image with pixels `contrast_factor` times as far from the mean gray."""
    return _enhanced("adjust_contrast", "Contrast", img, "contrast_factor", contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """The image `saturation_factor` times as colourful."""
    return _enhanced("adjust_saturation", "Color", img, "saturation_factor", saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The image with its colours moved along the circle of hues, which has 256 steps."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"adjust_hue: hue_factor must be from -0.5 to 0.5, got {hue_factor!r}")
    if img.mode in GRAY_MODES:
        return img
    hue, saturation, value = img.convert("HSV").split()
    moved = np.asarray(hue) + np.array(int(hue_factor * 255) % 256, np.uint8)
    bands = (pillow("Image", "adjust_hue").fromarray(moved), saturation, value)
    return pillow("Image", "adjust_hue").merge("HSV", bands).convert(img.mode)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """How bright the pixels are, as mode L, or as mode RGB with three equal channels."""
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"num_output_channels should be either 1 or 3, got {num_output_channels!r}")
    gray = img.convert("L")
    return gray if num_output_channels == 1 else pillow("Image", "rgb_to_grayscale").merge("RGB", [gray] * 3)


def gaussian_blur(img: Any, kernel_size: int | Sequence[int], sigma: Any = None) -> Any:
    """The image blurred, as a tensor would be."""
    blurred = filters.gaussian_blur(conversion.pil_to_tensor(img), kernel_size, sigma)
    return conversion.to_pil_image(blurred, img.mode)
