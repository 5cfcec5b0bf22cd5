"""Images of Pillow and arrays as tensors, and back; types whose brightest value differs."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from gpunn import dtypes
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from gpunn.ops import tensor
from gpunn.tensor import Tensor
from gpunn.vision.libraries import pillow

SINGLE = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}  # Pillow's mode for one channel
SEVERAL = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}  # the first one is the default


def is_pillow(img: Any) -> bool:
    """Whether `img` is an image of Pillow; if nobody imported Pillow, it is not."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


def _planes(pic: Any) -> np.ndarray[Any, Any]:
    """The elements of an image of Pillow: (C, H, W)."""
    array = np.asarray(pic)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


def pil_to_tensor(pic: Any) -> Tensor:
    """An image of Pillow as a tensor (C, H, W) of its own type; of mode I;16, as int32."""
    if not is_pillow(pic):
        raise ArgumentTypeError(f"pil_to_tensor: pic should be PIL Image. Got {type(pic)}")
    planes = _planes(pic)
    return tensor(planes.astype(np.int32) if pic.mode.startswith("I;16") else planes)


def to_tensor(pic: Any) -> Tensor:
    """An image of Pillow or an array (H, W, C) or (H, W) as a tensor (C, H, W).

    Bytes become floating-point numbers of the default type from 0 to 1; other types stay as they are.
    """
    if is_pillow(pic):
        planes = _planes(pic) if pic.mode != "1" else _planes(pic.convert("L"))
        planes = planes.astype(np.int16) if pic.mode == "I;16" else planes
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"to_tensor: pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        planes = np.ascontiguousarray(pic[None] if pic.ndim == 2 else pic.transpose(2, 0, 1))
    else:
        raise ArgumentTypeError(f"to_tensor: pic must be an image or an array (H, W, C) or (H, W), got {_what(pic)}")
    if planes.dtype != np.uint8:
        return tensor(planes)
    number = dtypes.get_default_dtype().numpy
    return tensor(
        (planes.astype(np.float32) / np.float32(255)).astype(number) if number != np.float64 else planes / 255
    )


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as an image of Pillow of 1 to 4 channels.

    Floating-point numbers from 0 to 1 become bytes, cut off. `mode` is Pillow's, where several fit the channels.
    """
    if not isinstance(pic, (Tensor, np.ndarray)):
        raise ArgumentTypeError(f"to_pil_image: pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ArgumentError(f"to_pil_image: pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if isinstance(pic, Tensor):
        if dtypes.of(pic.array).is_floating_point and mode != "F":
            pic = pic.mul(255).to(dtypes.uint8)
        array = pic.numpy(force=True)
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
    else:
        array = pic[:, :, None] if pic.ndim == 2 else pic
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
    channels, name = array.shape[2], array.dtype.name
    if channels > 4 or channels == 0:
        raise ArgumentError(f"to_pil_image: pic should have 1 to 4 channels. Got {channels} channels.")
    known = (SINGLE.get(name),) if channels == 1 else SEVERAL[channels] if name == "uint8" else (None,)
    if known[0] is None:
        raise ArgumentTypeError(f"to_pil_image: Input type {name} is not supported for {channels} channels")
    if mode is not None and mode not in known:
        raise ArgumentError(
            f"to_pil_image: Only modes {list(known)} are for {channels} channels of {name}, got {mode!r}"
        )
    image = pillow("Image", "to_pil_image")
    return image.frombytes(mode or known[0], array.shape[1::-1], np.ascontiguousarray(array).tobytes())


def convert_image_dtype(image: Tensor, dtype: dtypes.dtype = dtypes.float32) -> Tensor:
    """The images as `dtype`, brightest value to brightest value: 1 for floating-point types, else the largest integer.

    Integers are cut off: floor(x (largest + 1 - 0.001)) from floating point, x · or / a power of two from integers.
    """
    if not isinstance(image, Tensor):
        raise ArgumentTypeError(f"convert_image_dtype: Input img should be Tensor Image, got {type(image).__name__}")
    source = dtypes.of(image.array)
    if source is dtype:
        return image
    if source.is_floating_point and dtype.is_floating_point:
        return image.to(dtype)
    if source.is_floating_point:
        if dtype is dtypes.int64 or (dtype is dtypes.int32 and source is not dtypes.float64):
            raise DtypeError(f"convert_image_dtype: The cast from {source} to {dtype} cannot be performed safely.")
        return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / _largest(source)
    before, after = _largest(source) + 1, _largest(dtype) + 1
    if before > after:
        return image.floor_divide(before // after).to(dtype)
    return image.to(dtype) * (after // before)


def _largest(dtype: dtypes.dtype) -> int:
    return int(np.iinfo(dtype.numpy).max) if np.dtype(dtype.numpy).kind in "iu" else 1


def _what(pic: Any) -> str:
    return f"{type(pic).__name__} of shape {tuple(pic.shape)}" if hasattr(pic, "shape") else repr(pic)[:80]
