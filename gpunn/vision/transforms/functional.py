"""The transforms as functions, under torchvision's names, for tensors and images of Pillow.

Images are tensors (N, C, H, W) or (C, H, W), of bytes or of a floating type, on either device; their parameters may be
given for each image of a batch. Images of Pillow give images of Pillow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.tensor import Tensor
from gpunn.vision.transforms import affine as turning
from gpunn.vision.transforms import colour, filters, geometry, pillow
from gpunn.vision.transforms import pad as padding
from gpunn.vision.transforms import resize as resizing
from gpunn.vision.transforms.conversion import convert_image_dtype as convert_image_dtype
from gpunn.vision.transforms.conversion import is_pillow
from gpunn.vision.transforms.conversion import pil_to_tensor as pil_to_tensor
from gpunn.vision.transforms.conversion import to_pil_image as to_pil_image
from gpunn.vision.transforms.conversion import to_tensor as to_tensor
from gpunn.vision.transforms.filters import normalize as normalize
from gpunn.vision.transforms.geometry import erase as erase
from gpunn.vision.transforms.interpolation import InterpolationMode as InterpolationMode
from gpunn.vision.transforms.sizes import pair

P = ParamSpec("P")


def _either(of_tensors: Callable[P, Tensor]) -> Callable[P, Any]:
    """`of_tensors`, which gives images of Pillow to the function of the same name in `pillow`."""
    of_pillow = getattr(pillow, of_tensors.__name__)

    @functools.wraps(of_tensors)
    def of_images(*args: P.args, **kwargs: P.kwargs) -> Any:
        img = args[0] if args else kwargs.get("img")
        return (of_pillow if is_pillow(img) else of_tensors)(*args, **kwargs)

    return of_images


crop = _either(geometry.crop)
crop_and_flip = _either(geometry.crop_and_flip)
center_crop = _either(geometry.center_crop)
hflip = _either(geometry.hflip)
vflip = _either(geometry.vflip)
affine = _either(turning.affine)
rotate = _either(turning.rotate)
pad = _either(padding.pad)
resize = _either(resizing.resize)
resized_crop = _either(resizing.resized_crop)
adjust_brightness = _either(colour.adjust_brightness)
adjust_contrast = _either(colour.adjust_contrast)
adjust_saturation = _either(colour.adjust_saturation)
adjust_hue = _either(colour.adjust_hue)
rgb_to_grayscale = _either(colour.rgb_to_grayscale)
gaussian_blur = _either(filters.gaussian_blur)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` of an image of Pillow of any mode."""
    if not is_pillow(img):
        raise ArgumentTypeError(f"to_grayscale: Input should be PIL Image, got {type(img).__name__}")
    return pillow.rgb_to_grayscale(img, num_output_channels)


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of an image or of each image of a batch."""
    if is_pillow(img):
        return [len(img.getbands()), img.height, img.width]
    if not isinstance(img, Tensor) or img.dim() < 2:
        raise ArgumentTypeError(f"img must be a Tensor (…, H, W) or an image of Pillow, got {type(img).__name__}")
    shape = img.array.shape
    return [shape[-3] if len(shape) > 2 else 1, shape[-2], shape[-1]]


def get_image_size(img: Any) -> list[int]:
    """[width, height] of an image or of each image of a batch."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels of an image or of each image of a batch."""
    return get_dimensions(img)[0]


def five_crop(img: Any, size: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Parts of `size` (height, width): top left, top right, bottom left, bottom right, middle."""
    (height, width), (_, rows, columns) = pair("five_crop", "size", size), get_dimensions(img)
    if height > rows or width > columns:
        raise ArgumentError(f"Requested crop size {(height, width)} is bigger than input size {(rows, columns)}")
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    first, second, third, fourth = (crop(img, top, left, height, width) for top, left in corners)
    return first, second, third, fourth, center_crop(img, (height, width))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop`, and that of the mirrored image, or of it upside down."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)
