"""Saving and loading: safetensors files whose metadata holds the structure and a checksum of each tensor.

A file is written beside its destination, flushed to the disk and then renamed, so that after a crash or a full disk
the old file is there or the new one, never half of one. Other safetensors files and PyTorch's `.pt` files load too.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

import ml_dtypes
import numpy as np
from safetensors import deserialize
from safetensors.numpy import save as serialize

from gpunn import backend
from gpunn.errors import ArgumentError, FileFormatError, GpunnError
from gpunn.io.torch_zip import is_zip, load_zip
from gpunn.io.tree import Decoder, Encoder
from gpunn.tensor import Tensor

MapLocation: TypeAlias = "backend.DeviceLike | dict[str, str] | Callable[[Tensor, str], Tensor | None]"

FORMAT = 1
_KEY, _CHECKSUM = "gpunn", "gpunn_crc32"
_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write `obj`, tensors in any nesting of dicts, lists, tuples and plain values, to a path or a binary file.

    The file is safetensors; of a state dict, every tool that reads safetensors sees the tensors by their names.
    Gradients are not saved. Raises ArgumentTypeError, and writes nothing, for objects of other types.
    """
    encoder = Encoder()
    tree = encoder.encode(obj)
    checks = {name: zlib.crc32(array.tobytes()) for name, array in encoder.arrays.items()}
    text = json.dumps({"format": FORMAT, "tree": tree, "crc32": checks}, separators=(",", ":"))
    metadata = {_KEY: text, _CHECKSUM: str(zlib.crc32(text.encode()))}
    content = serialize(encoder.arrays, metadata)
    if isinstance(f, (str, os.PathLike)):
        _write_atomically(Path(f), content)
    else:
        f.write(content)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save` wrote to a path or a binary file; also other safetensors files and PyTorch's zip files of tensors.

    `map_location` says where tensors go: a device, a dict from saved to wanted devices, or a function of the CPU
    tensor and the name of its saved device. Nothing is ever unpickled, so `pickle_module`, `weights_only` and `mmap`
    change nothing. Raises FileFormatError for a file that is damaged, cut short or of another format.
    """
    if pickle_module is not None or pickle_load_args:
        raise ArgumentError("load: files are never read through pickle; leave out pickle_module and its arguments")
    content = Path(f).read_bytes() if isinstance(f, (str, os.PathLike)) else f.read()
    place = _placing(map_location)
    try:
        return load_zip(content, place) if is_zip(content) else _load_safetensors(content, place)
    except GpunnError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise FileFormatError(f"load: the file is damaged: {error}") from error


def _load_safetensors(content: bytes, place: Callable[[Tensor, str], Tensor]) -> Any:
    try:
        entries: Any = deserialize(content)  # type: ignore[no-untyped-call]
    except Exception as error:  # the library's own error class, which is not a subclass of anything narrower
        raise FileFormatError(f"load: not a file that gpunn, safetensors or PyTorch wrote: {error}") from error
    arrays = {name: _array(name, entry) for name, entry in entries}
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    if _KEY not in metadata:
        return {name: place(Tensor(array), "cpu") for name, array in arrays.items()}
    text = metadata[_KEY]
    if str(zlib.crc32(text.encode())) != metadata.get(_CHECKSUM):
        raise FileFormatError("load: the file is damaged: the checksum of its structure does not match")
    described = json.loads(text)
    if described["format"] > FORMAT:
        raise FileFormatError(
            f"load: the file has format {described['format']}, this gpunn reads up to {FORMAT}; update gpunn"
        )
    if set(described["crc32"]) != set(arrays):
        raise FileFormatError("load: the file is damaged: its tensors are not those of its structure")
    for name, array in arrays.items():
        if zlib.crc32(array.tobytes()) != described["crc32"][name]:
            raise FileFormatError(f"load: the file is damaged: the checksum of tensor {name!r} does not match")
    return Decoder(arrays, place).decode(described["tree"])


def _array(name: str, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise FileFormatError(f"load: tensor {name!r} has dtype {entry['dtype']}, which gpunn does not have")
    return np.frombuffer(bytearray(entry["data"]), dtype).reshape(entry["shape"])


def _placing(where: MapLocation) -> Callable[[Tensor, str], Tensor]:
    """The function that puts a loaded CPU tensor where `map_location` says, given where it was saved from."""
    if callable(where) and not isinstance(where, (str, backend.device)):
        chosen = where

        def by_function(tensor: Tensor, saved: str) -> Tensor:
            return chosen(tensor, saved) or tensor.to(saved)

        return by_function

    def by_device(tensor: Tensor, saved: str) -> Tensor:
        target: Any = where.get(saved, saved) if isinstance(where, dict) else where
        return tensor.to(saved if target is None else target)

    return by_device


def _write_atomically(path: Path, content: bytes) -> None:
    """`content` under the name `path`: all of it, on the disk, or an exception and what was there before."""
    _sweep(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.gpunn-tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _sweep(path: Path) -> None:
    """Remove temporary files for `path` that processes left behind when they were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.gpunn-tmp"):
        pid = leftover.name.removeprefix(f".{path.name}.").split(".")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            leftover.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
