"""Saving and loading: safetensors files whose metadata holds the structure and a checksum of each tensor.

A file is written beside its destination, flushed to the disk and then renamed, so that after a crash or a full disk
the old file is there or the new one, never half of one. Other safetensors files and PyTorch's `.pt` files load too.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import platform
import secrets
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

import ml_dtypes
import numpy as np
from safetensors import deserialize
from safetensors.numpy import save as serialize

from gpunn import backend
from gpunn.errors import ArgumentError, DeviceError, FileFormatError
from gpunn.io.torch_zip import is_zip, load_zip
from gpunn.io.tree import Decoder, Encoder
from gpunn.tensor import Tensor

MapLocation: TypeAlias = "backend.DeviceLike | dict[str, str] | Callable[[Tensor, str], Tensor | None]"

FORMAT = 1
_KEY, _CHECKSUM, _SUFFIX = "gpunn", "gpunn_crc32", ".gpunn-tmp"
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # its magic number, pickled
_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj`, tensors and modules in any nesting of dicts, lists, tuples and plain values, to a path or a file.

    The file is safetensors; of a state dict or a module, every tool that reads safetensors sees the tensors by their
    names. Of a module the file holds all attributes and the name of its class, so that only a program that has the
    class can load it; state_dict() lasts longer. Gradients are not saved. Raises ArgumentTypeError, and writes
    nothing, for objects of other types, modules with hooks, and classes and functions without a name in a module.
    The arguments after `f` are PyTorch's and change nothing: no file is written through pickle.
    """
    encoder = Encoder()
    tree = encoder.encode(obj)
    tensors = {name: _facts(array) for name, array in encoder.arrays.items()}
    text = json.dumps({"format": FORMAT, "tree": tree, "tensors": tensors}, separators=(",", ":"))
    metadata = {_KEY: text, _CHECKSUM: str(zlib.crc32(text.encode()))}
    header, data = _ordered(serialize(encoder.arrays, metadata))
    if isinstance(f, (str, os.PathLike)):
        _write(Path(os.path.realpath(f)), header, data)
    else:
        f.write(header)
        f.write(data)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """What `save` wrote to a path or a binary file; also other safetensors files and PyTorch's zip files of tensors.

    `map_location` says where tensors go: a device, a dict from saved to wanted devices, or a function of the CPU
    tensor and the name of its saved device. Nothing is ever unpickled: `mmap` changes nothing, a `pickle_module` is
    refused. A module is rebuilt from its attributes, without a call of its __init__. If its class is the program's
    own, that must be among the safe ones (`serialization.add_safe_globals`), or `weights_only` be False: then classes
    and functions are looked up, by their names, in the modules that the program has imported. Raises FileFormatError
    for a file that is damaged, cut short or of another format, or that names what is not safe, DeviceError for
    tensors of a GPU that is not there.
    """
    if pickle_module is not None:
        raise ArgumentError("load: files are never read through pickle; leave out pickle_module")
    content = Path(f).read_bytes() if isinstance(f, (str, os.PathLike)) else f.read()
    place = _Placing(map_location)
    try:
        return load_zip(content, place) if is_zip(content) else _load_safetensors(content, place, weights_only is False)
    except Exception as error:  # a damaged file may break the reading of it in any way
        if error is place.error or isinstance(error, (FileFormatError, MemoryError)):
            raise
        raise FileFormatError(f"load: the file is damaged: {type(error).__name__}: {error}") from error


def _facts(array: np.ndarray[Any, Any]) -> list[Any]:
    """dtype, shape and checksum of `array`, as JSON can hold them."""
    raw: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return [array.dtype.name, list(array.shape), zlib.crc32(raw)]


def _ordered(content: bytes) -> tuple[bytes, memoryview]:
    """The header of a safetensors file, its metadata in order, and what follows: the library's order is random."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, memoryview(content)[end:]


def _load_safetensors(content: bytes, place: Callable[[Tensor, str], Tensor], trusting: bool) -> Any:
    if content.startswith(_OLD_TORCH):
        raise FileFormatError(
            "load: a file in PyTorch's form of before 1.6, which is pickle only; write it anew with PyTorch: "
            "torch.save(torch.load(path), path)"
        )
    try:
        entries: Any = deserialize(content)  # type: ignore[no-untyped-call]
    except Exception as error:  # the library's own error class, which is not a subclass of anything narrower
        raise FileFormatError(f"load: not a file that gpunn, safetensors or PyTorch wrote: {error}") from error
    arrays = {name: _array(name, entry) for name, entry in entries}
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    if _KEY not in metadata and _CHECKSUM not in metadata:
        return {name: place(Tensor(array), "cpu") for name, array in arrays.items()}
    text = metadata.get(_KEY, "")
    if str(zlib.crc32(text.encode())) != metadata.get(_CHECKSUM):
        raise FileFormatError("load: the file is damaged: the checksum of its structure does not match")
    described = json.loads(text)
    if described["format"] > FORMAT:
        raise FileFormatError(
            f"load: the file has format {described['format']}, this gpunn reads up to {FORMAT}; update gpunn"
        )
    if set(described["tensors"]) != set(arrays):
        raise FileFormatError("load: the file is damaged: its tensors are not those of its structure")
    for name, array in arrays.items():
        if _facts(array) != described["tensors"][name]:
            raise FileFormatError(f"load: the file is damaged: the checksum of tensor {name!r} does not match")
    return Decoder(arrays, place, trusting).decode(described["tree"])


def _array(name: str, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise FileFormatError(f"load: tensor {name!r} has dtype {entry['dtype']}, which gpunn does not have")
    return np.frombuffer(bytearray(entry["data"]), dtype).reshape(entry["shape"])


class _Placing:
    """Puts a loaded CPU tensor where `map_location` says; `error` is what went wrong in that, not in the file."""

    def __init__(self, where: MapLocation) -> None:
        self.choose = where if callable(where) and not isinstance(where, backend.device) else None
        self.renamed: dict[str, str] = where if isinstance(where, dict) else {}
        fixed: Any = None if self.choose or where is None or isinstance(where, dict) else where
        self.fixed = None if fixed is None else backend.device(fixed)
        self.error: Exception | None = None

    def __call__(self, tensor: Tensor, saved: str) -> Tensor:
        backend.device(saved)
        try:
            return self._placed(tensor, saved)
        except Exception as error:
            self.error = error
            raise

    def _placed(self, tensor: Tensor, saved: str) -> Tensor:
        if self.fixed is not None:
            return tensor.to(self.fixed)
        if self.choose is not None:
            chosen = self.choose(tensor, saved)
            if chosen is not None:
                return chosen
        try:
            return tensor.to(self.renamed.get(saved, saved))
        except DeviceError as error:
            raise DeviceError(
                f'load: a tensor was saved on {saved}: {error}. Pass map_location="cpu" to have it on the CPU'
            ) from error


def _write(path: Path, *parts: bytes | memoryview) -> None:
    """`parts` under the name `path`: all of them, on the disk, or an exception and what was there before."""
    if path.exists() and not path.is_file():  # a pipe or a device such as /dev/null stays what it is
        path.write_bytes(b"".join(parts))
        return
    _sweep(path)
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        with open(temporary, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # the file is complete; not every file system can flush its folder
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prefix(path: Path) -> str:
    """How temporary files for `path` begin; the host's name is in it, because processes are numbered per host."""
    return f".{path.name}.{platform.node()}."


def _sweep(path: Path) -> None:
    """Remove temporary files for `path` that processes of this host left behind when they were killed."""
    for leftover in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
        pid = leftover.name.removeprefix(_prefix(path)).split(".")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            leftover.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
