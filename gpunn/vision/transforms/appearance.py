"""The colours of images changed, images blurred and erased, at random: the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import random
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.nn import Module
from gpunn.ops import as_tensor, randn, where
from gpunn.tensor import Tensor
from gpunn.vision.transforms import draw
from gpunn.vision.transforms import functional as F
from gpunn.vision.transforms.batch import images
from gpunn.vision.transforms.crops import check_ranges
from gpunn.vision.transforms.sizes import pair

Range = tuple[float, float]
JITTER = ("brightness", "contrast", "saturation", "hue")


class ColorJitter(Module):
    """Images with brightness, contrast, saturation and hue changed, in a random order.

    Factors are uniform from max(0, 1 - x) to 1 + x, the shift of hues from -x to x; or in (min, max) where that is
    given. Each image of a batch has its own; the order is drawn once for the batch.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = _range("brightness", brightness, 1.0, (0.0, np.inf))
        self.contrast = _range("contrast", contrast, 1.0, (0.0, np.inf))
        self.saturation = _range("saturation", saturation, 1.0, (0.0, np.inf))
        self.hue = _range("hue", hue, 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Range | None, contrast: Range | None, saturation: Range | None, hue: Range | None
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order of the four changes, and the factor or shift of each for one image; None: no change."""
        order, numbers = _jitter((brightness, contrast, saturation, hue), 1)
        first = [None if given is None else float(given[0]) for given in numbers]
        return as_tensor(order), first[0], first[1], first[2], first[3]

    def forward(self, img: Any) -> Any:
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        order, numbers = _jitter(ranges, draw.count_of(img))
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in order.tolist():
            given = numbers[number]
            if given is not None:
                img = changes[number](img, draw.own(img, given))
        return img

    def __repr__(self) -> str:
        parts = [f"{name}={getattr(self, name)}" for name in JITTER]
        return f"{type(self).__name__}({', '.join(parts)})"


def _jitter(ranges: Sequence[Range | None], count: int) -> tuple[np.ndarray[Any, Any], list[draw.Numbers | None]]:
    order = random.permutation(np, random.default_generator, len(ranges), np.int64)
    units = draw.units(len(ranges), count)
    found = [None if r is None else r[0] + (r[1] - r[0]) * u for r, u in zip(ranges, units, strict=True)]
    return np.asarray(order), found


def _range(name: str, given: Any, center: float, bound: Range) -> Range | None:
    """(min, max), or None if there is nothing to change."""
    if isinstance(given, (int, float)):
        if given < 0:
            raise ArgumentError(f"ColorJitter: If {name} is a single number, it must be non negative, got {given}")
        low, high = center - float(given), center + float(given)
        low = max(low, 0.0) if bound[0] == 0 else low
    elif isinstance(given, (tuple, list)) and len(given) == 2:
        low, high = float(given[0]), float(given[1])
    else:
        raise ArgumentTypeError(f"ColorJitter: {name} should be a single number or (min, max), got {given!r}")
    if not bound[0] <= low <= high <= bound[1]:
        raise ArgumentError(f"ColorJitter: {name} values should be between {bound}, got {given!r}")
    return None if low == high == center else (low, high)


class Grayscale(Module):
    """How bright the pixels are, in `num_output_channels` equal channels, 1 or 3."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Module):
    """The images, each without colours with probability `p`; the number of channels stays."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        draw.check_probability("RandomGrayscale", p)
        self.p = p

    def forward(self, img: Any) -> Any:
        chosen, channels = draw.chosen(self.p, draw.count_of(img)), F.get_image_num_channels(img)
        if not chosen.any():
            return img
        gray = F.rgb_to_grayscale(img, channels)
        if chosen.all():
            return gray
        return where(as_tensor(chosen, device=img.device).reshape(-1, 1, 1, 1), gray, img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class GaussianBlur(Module):
    """Images blurred over `kernel_size` pixels, with `sigma` uniform in (min, max), or fixed; each has its own."""

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = pair("GaussianBlur", "kernel_size", kernel_size)
        if any([k <= 0 or k % 2 == 0 for k in self.kernel_size]):
            raise ArgumentError(f"Kernel size value should be an odd and positive number, got {kernel_size!r}")
        several = (sigma, sigma) if isinstance(sigma, (int, float)) else sigma
        if not isinstance(several, (tuple, list)):
            raise ArgumentTypeError(f"GaussianBlur: sigma should be a number or (min, max), got {sigma!r}")
        if len(several) != 2 or not 0 < several[0] <= several[1]:
            raise ArgumentError(f"sigma values should be positive and of the form (min, max), got {sigma!r}")
        self.sigma = several

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random sigma."""
        return float(draw.uniform(sigma_min, sigma_max, 1)[0])

    def forward(self, img: Any) -> Any:
        sigma = draw.own(img, draw.uniform(self.sigma[0], self.sigma[1], draw.count_of(img)))
        return F.gaussian_blur(img, self.kernel_size, sigma)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class RandomErasing(Module):
    """Tensors, in each image a random box erased with probability `p`.

    Its share of the area is uniform in `scale`, the logarithm of its height over width in that of `ratio`; after ten
    boxes that are not smaller than the image, it stays as it is. `value` is a number, one for each channel, or
    "random" for standard normal numbers. Source: Zhong et al. 2017, Random erasing data augmentation.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (int, float, str, tuple, list)):
            raise ArgumentTypeError(f"Argument value should be either a number or str or a sequence, got {value!r}")
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"If value is str, it should be 'random', got {value!r}")
        check_ranges("RandomErasing", scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ArgumentError(f"Scale should be between 0 and 1, got {scale}")
        draw.check_probability("RandomErasing", p)
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """(top, left, height, width, value) for one image; without `value`, standard normal numbers.

        The value is (C, 1, 1) or (C, height, width); where no box fits it is `img` itself, and the box all of it.
        """
        channels, height, width = F.get_dimensions(img)
        boxes, are_found = _boxes(height, width, scale, ratio, 1)
        top, left, down, across = boxes[0].tolist()
        if not are_found[0]:
            return 0, 0, height, width, img
        if value is None:
            return top, left, down, across, randn(channels, down, across, device=img.device)
        return top, left, down, across, as_tensor(value, device=img.device).reshape(-1, 1, 1)

    def forward(self, img: Any) -> Any:
        count, channels, height, width = images("RandomErasing", img)
        several = self.value if isinstance(self.value, (tuple, list)) else [self.value]
        if len(several) not in (1, channels):
            raise ShapeError(
                f"If value is a sequence, it should have either a single value or {channels} (number of input channels)"
                f", got {self.value!r} for img {img.array.shape}"
            )
        chosen = draw.chosen(self.p, count)
        boxes, are_found = _boxes(height, width, self.scale, self.ratio, count)
        boxes = boxes * (chosen & are_found)[:, None]
        if not boxes[:, 2:].prod(1).any():
            return img
        top, left, down, across = boxes.T
        if self.value != "random":
            return F.erase(img, top, left, down, across, several, self.inplace)
        rows, columns = np.arange(height)[:, None], np.arange(width)
        in_rows = (rows >= top[:, None, None]) & (rows < (top + down)[:, None, None])
        in_columns = (columns >= left[:, None, None]) & (columns < (left + across)[:, None, None])
        mask = as_tensor((in_rows & in_columns)[:, None], device=img.device)
        noise = randn(count, channels, height, width, device=img.device).to(img.dtype)
        result = where(mask, noise, img).reshape(img.array.shape)
        return img.copy_(result) if self.inplace else result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )


def _boxes(height: int, width: int, scale: Sequence[float], ratio: Sequence[float], count: int) -> Any:
    """`draw.boxes`, of which the ratio is the width over the height."""
    return draw.boxes(count, height, width, scale, (1 / ratio[1], 1 / ratio[0]), is_strict=True)
