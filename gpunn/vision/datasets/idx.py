"""IDX files, the format of MNIST: a magic number, the sizes of the dimensions, then the elements, big-endian.

Everything is checked before memory is taken: the magic number, the dimensions, and that the file has exactly the
bytes they say. Source: the MNIST page of LeCun, Cortes and Burges.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gpunn.errors import FileFormatError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 8
MAX_BYTES = 1 << 32


def read_idx(path: str | os.PathLike[str], limit: int = MAX_BYTES) -> np.ndarray[Any, Any]:
    """The array in an IDX file, gzipped or not, in the machine's byte order.

    Raises FileFormatError if the file is damaged, cut short, longer than it says, or would exceed `limit` bytes.
    """
    path = Path(path)
    with open(path, "rb") as raw:
        if raw.peek(2)[:2] != b"\x1f\x8b":
            return _read(raw, path.name, limit)
        try:
            with gzip.open(raw) as file:
                return _read(file, path.name, limit)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileFormatError(f"{path.name}: damaged gzip file: {error}") from error


def _read(file: BinaryIO | gzip.GzipFile, name: str, limit: int) -> np.ndarray[Any, Any]:
    magic = _exactly(file, 4, name)
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= MAX_DIMENSIONS:
        raise FileFormatError(f"{name}: not an IDX file: it starts with {magic.hex()}")
    shape = tuple(int(n) for n in np.frombuffer(_exactly(file, 4 * magic[3], name), ">u4"))
    dtype = np.dtype(_TYPES[magic[2]])
    extent = math.prod(n for n in shape if n) * dtype.itemsize  # Python integers: cannot wrap
    if extent > limit:
        raise FileFormatError(f"{name}: shape {shape} spans {extent} bytes, more than the limit of {limit}")
    content = _exactly(file, extent if all(shape) else 0, name)
    if file.read(1):
        raise FileFormatError(f"{name}: longer than its shape {shape} says")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _exactly(file: BinaryIO | gzip.GzipFile, size: int, name: str) -> bytearray:
    """`size` bytes, read in pieces, so that a file that lies about its size takes no more memory than it has."""
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(size - len(content), 1 << 24))
        if not piece:
            raise FileFormatError(f"{name}: cut short: {size} bytes expected, {len(content)} found")
        content += piece
    return content
