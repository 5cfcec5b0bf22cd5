"""Images cut out, framed and resized, at random places too: the classes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import Module
from gpunn.vision.transforms import draw
from gpunn.vision.transforms import functional as F
from gpunn.vision.transforms.interpolation import InterpolationMode, mode_of
from gpunn.vision.transforms.sizes import padding_mode_of, padding_sides, pair


class Resize(Module):
    """Images of `size` (height, width); one number is the length of the shorter side. See `functional.resize`."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, tuple, list)):
            raise ArgumentTypeError(f"Resize: Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ArgumentError(f"Resize: If size is a sequence, it should have 1 or 2 values, got {size!r}")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = mode_of("Resize", interpolation)

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop(Module):
    """The middle of the images, `size` (height, width), with black around it where they are smaller."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("CenterCrop", "size", size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Pad(Module):
    """Images with a frame of `padding` pixels; see `functional.pad`."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        padding_sides("Pad", padding)
        if not isinstance(fill, (int, float, tuple, list)):
            raise ArgumentTypeError(f"Pad: Got inappropriate fill arg: a number or one for each channel, got {fill!r}")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode_of("Pad", padding_mode)

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop(Module):
    """A part of `size` (height, width) from a random place of each image, every place as probable as another.

    `padding` is put around first, with `fill` and `padding_mode` as in `Pad`; with `pad_if_needed` images that are
    too small get what they lack on both sides.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(pair("RandomCrop", "size", size))
        if padding is not None:
            padding_sides("RandomCrop", padding)
        self.padding, self.pad_if_needed, self.fill = padding, pad_if_needed, fill
        self.padding_mode = padding_mode_of("RandomCrop", padding_mode)

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random part of one image."""
        (top,), (left,) = _places(img, output_size, 1)
        return int(top), int(left), *output_size

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        lacking = (max(self.size[1] - width, 0), max(self.size[0] - height, 0))
        if self.pad_if_needed and max(lacking) > 0:
            img = F.pad(img, lacking, self.fill, self.padding_mode)
        top, left = _places(img, self.size, draw.count_of(img))
        return F.crop(img, draw.own(img, top), draw.own(img, left), *self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


def _places(img: Any, size: tuple[int, int], count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The top and left of `count` random parts."""
    _, height, width = F.get_dimensions(img)
    if height < size[0] or width < size[1]:
        raise ArgumentError(
            f"Required crop size {tuple(size)} is larger than input image size {(height, width)}; use "
            "padding or pad_if_needed"
        )
    if (height, width) == tuple(size):
        return np.zeros(count, np.int64), np.zeros(count, np.int64)
    numbers = draw.units(2, count)
    return draw.below(height - size[0] + 1, numbers[0]), draw.below(width - size[1] + 1, numbers[1])


class RandomResizedCrop(Module):
    """A random part of each image, resized to `size` (height, width).

    Its share of the area is uniform in `scale`, the logarithm of its width over height in that of `ratio`; after ten
    parts that do not fit, the middle of the image is taken. Source: Szegedy et al. 2015, Going deeper with
    convolutions.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair("RandomResizedCrop", "size", size)
        check_ranges("RandomResizedCrop", scale, ratio)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = mode_of("RandomResizedCrop", interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random part of one image."""
        top, left, height, width = _parts(img, scale, ratio, 1)[0].tolist()
        return top, left, height, width

    def forward(self, img: Any) -> Any:
        boxes = _parts(img, self.scale, self.ratio, draw.count_of(img))
        top, left, height, width = (draw.own(img, column) for column in boxes.T)
        return F.resized_crop(img, top, left, height, width, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(number, 4) for number in numbers) for numbers in (self.scale, self.ratio))
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def _parts(img: Any, scale: Sequence[float], ratio: Sequence[float], count: int) -> np.ndarray[Any, Any]:
    """(count, 4): top, left, height, width."""
    _, height, width = F.get_dimensions(img)
    boxes, are_found = draw.boxes(count, height, width, scale, ratio, is_strict=False)
    aspect = min(max(width / max(height, 1), min(ratio)), max(ratio))
    across, down = min(width, round(height * aspect)), min(height, round(width / aspect))
    middle = [(height - down) // 2, (width - across) // 2, down, across]
    return np.where(are_found[:, None], boxes, middle)


def check_ranges(op: str, scale: Any, ratio: Any) -> None:
    """Raise unless both are (min, max); warn if they are the wrong way round."""
    for name, given in (("Scale", scale), ("Ratio", ratio)):
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
            raise ArgumentTypeError(f"{op}: {name} should be a sequence (min, max), got {given!r}")
    if min(ratio) <= 0:
        raise ArgumentError(f"{op}: ratio must be positive, got {ratio!r}")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn(f"{op}: Scale and ratio should be of kind (min, max), got {scale} and {ratio}", stacklevel=3)


class FiveCrop(Module):
    """Five parts of `size`, a tuple: top left, top right, bottom left, bottom right, middle."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("FiveCrop", "size", size)

    def forward(self, img: Any) -> Any:
        return F.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(Module):
    """The five parts of `FiveCrop`, and those of the mirrored image, or with `vertical_flip` of it upside down."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size, self.vertical_flip = pair("TenCrop", "size", size), vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"
