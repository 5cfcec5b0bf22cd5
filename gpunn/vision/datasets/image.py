"""Image files, decoded by Pillow: at most so many pixels, known formats only, and errors that name the file."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any, BinaryIO, Final

from gpunn.errors import FileFormatError
from gpunn.vision.libraries import pillow

FORMATS: Final = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
MAX_PIXELS: Final = 1 << 26  # an image of 8192 x 8192
_DAMAGE: Final = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, struct.error,
                  zlib.error, NotImplementedError)  # fmt: skip


def read_image(source: str | os.PathLike[str] | BinaryIO, max_pixels: int = MAX_PIXELS) -> Any:
    """The image in a file, given by its path or open, as one of Pillow of mode RGB.

    Raises FileFormatError, with the name of the file, if it is damaged, of a format that is not in FORMATS, or has
    more than `max_pixels`: the size is read before memory is taken for the pixels.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return _decoded(file, os.fspath(source), max_pixels)
    return _decoded(source, str(getattr(source, "name", "image")), max_pixels)


def _decoded(file: BinaryIO, name: str, max_pixels: int) -> Any:
    image = pillow("Image", "reading images")
    bombs = (image.DecompressionBombError, image.DecompressionBombWarning)
    try:
        with image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height <= max_pixels:
                return picture.convert("RGB")
    except bombs as error:
        raise FileFormatError(f"{name}: {error}") from error
    except _DAMAGE as error:
        raise FileFormatError(f"{name}: not an image, or damaged: {error}") from error
    raise FileFormatError(f"{name}: {width} x {height} pixels, more than {max_pixels}; use a loader of your own")


class NamedBytes(io.BytesIO):
    """The content of a file in memory, with the name of the file."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name
