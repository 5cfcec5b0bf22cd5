"""PyTorch's `.pt` and `.pth` files (zip form): tensors in nested structures, read without running anything.

The file's pickle stream is walked by the small machine below. It knows the opcodes that plain tensors, numbers,
strings, lists, tuples and dicts need, and a table of names; any other opcode or name raises.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from gpunn.errors import FileFormatError
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Size, Tensor

_STORAGES: dict[str, Any] = {
    "FloatStorage": np.float32, "DoubleStorage": np.float64, "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16, "LongStorage": np.int64, "IntStorage": np.int32, "ShortStorage": np.int16,
    "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}  # fmt: skip
_MARK = object()


class _Name(NamedTuple):
    """A global that the stream refers to."""

    module: str
    name: str


class _Storage(NamedTuple):
    """A storage that the stream refers to: a flat array and where it was."""

    array: np.ndarray[Any, Any]
    location: str


def is_zip(content: bytes) -> bool:
    """Whether `content` starts like a zip file."""
    return content[:4] == b"PK\x03\x04"


def load_zip(content: bytes, place: Callable[[Tensor, str], Tensor]) -> Any:
    """The object in a PyTorch zip file."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise FileFormatError(f"load: a damaged zip file: {error}") from error
    with archive:
        names = [n for n in archive.namelist() if n.endswith("/data.pkl") or n == "data.pkl"]
        if len(names) != 1:
            raise FileFormatError("load: a zip file, but not one that torch.save wrote (it has no data.pkl)")
        limit = 2 * len(content) + 1024  # torch.save does not compress: what is much larger is a zip bomb
        if sum(info.file_size for info in archive.infolist()) > limit:
            raise FileFormatError("load: the zip file unpacks to much more than its size; refused")
        try:
            return _Machine(archive, names[0].removesuffix("data.pkl"), place).run(archive.read(names[0]))
        except (zipfile.BadZipFile, ValueError, IndexError, KeyError, TypeError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"load: the PyTorch file is damaged: {error}") from error


class _Machine:
    """The stack machine of a pickle stream, with only harmless instructions."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str, place: Callable[[Tensor, str], Tensor]) -> None:
        self.archive, self.prefix, self.place = archive, prefix, place
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, np.ndarray[Any, Any]] = {}

    def run(self, stream: bytes) -> Any:
        """The object that the stream describes."""
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _PUSH_ARGUMENT:
                self.stack.append(argument)
            elif opcode.name in _PUSH_NEW:
                self.stack.append(_PUSH_NEW[opcode.name]())
            else:
                self._other(opcode.name, argument)
        raise FileFormatError("load: the PyTorch file is cut short")

    def _other(self, name: str, argument: Any) -> None:
        if name in ("PROTO", "FRAME"):
            return
        if name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            self.stack.append(_Name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            second, first = self.stack.pop(), self.stack.pop()
            self.stack.append(_Name(first, second))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            self.stack[-n:] = [tuple(self.stack[-n:])]
        else:
            self._combine(name)

    def _combine(self, name: str) -> None:
        """Instructions that take several values from the stack."""
        stack = self.stack
        if name in ("TUPLE", "LIST", "DICT"):
            values = self._to_mark()
            pairs = dict(zip(values[::2], values[1::2], strict=True)) if name == "DICT" else None
            stack.append(pairs if pairs is not None else tuple(values) if name == "TUPLE" else values)
        elif name == "APPEND":
            value = stack.pop()
            stack[-1].append(value)
        elif name == "APPENDS":
            values = self._to_mark()
            stack[-1].extend(values)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1][key] = value
        elif name == "SETITEMS":
            values = self._to_mark()
            stack[-1].update(zip(values[::2], values[1::2], strict=True))
        elif name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(self._call(function, arguments))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], OrderedDict) and isinstance(state, dict):
                stack[-1].__dict__.update({k: v for k, v in state.items() if k == "_metadata"})
            else:
                raise FileFormatError("load: the PyTorch file holds an object with state; only plain tensors are read")
        else:
            raise FileFormatError(f"load: the PyTorch file uses pickle's {name}; only plain tensors are read")

    def _to_mark(self) -> list[Any]:
        """The values above the last mark, taken off the stack with it."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise FileFormatError("load: the PyTorch file is damaged: a mark is missing")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values

    def _storage(self, identity: Any) -> _Storage:
        """The storage of a persistent id ("storage", type, key, location, number of elements)."""
        _, kind, key, location, _ = identity
        if not isinstance(kind, _Name) or kind.name not in _STORAGES or not str(key).isdecimal():
            raise FileFormatError(f"load: the PyTorch file holds a {kind}; only plain tensors are read")
        if key not in self.storages:
            raw = bytearray(self.archive.read(f"{self.prefix}data/{key}"))
            self.storages[key] = np.frombuffer(raw, _STORAGES[kind.name])
        return _Storage(self.storages[key], str(location))

    def _call(self, function: Any, arguments: Any) -> Any:
        if function == _Name("collections", "OrderedDict"):
            return OrderedDict(*arguments)
        if function == _Name("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor(*arguments[:5])
        if function == _Name("torch._utils", "_rebuild_parameter"):
            return Parameter(arguments[0], bool(arguments[1]))
        if function == _Name("torch", "Size"):
            return Size(arguments[0])
        name = f"{function.module}.{function.name}" if isinstance(function, _Name) else repr(function)
        raise FileFormatError(f"load: the PyTorch file calls {name}; only plain tensors are read")

    def _tensor(self, storage: Any, offset: int, size: Any, stride: Any, requires_grad: Any) -> Tensor:
        if not isinstance(storage, _Storage) or len(size) != len(stride) or min((offset, *size, *stride)) < 0:
            raise FileFormatError("load: the PyTorch file is damaged: a tensor with an impossible shape")
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        is_empty = 0 in size
        if not is_empty and last >= storage.array.size:
            raise FileFormatError("load: the PyTorch file is damaged: a tensor reaches beyond its storage")
        if any(s == 0 and n > 1 for n, s in zip(size, stride, strict=True)):
            raise FileFormatError("load: the PyTorch file holds an expanded tensor; save x.clone() instead")
        flat = storage.array[offset:] if not is_empty else storage.array[:0]
        strides = [s * flat.itemsize for s in stride]
        shown = np.lib.stride_tricks.as_strided(flat, size, strides) if not is_empty else np.empty(size, flat.dtype)
        return self.place(Tensor(shown), storage.location).requires_grad_(bool(requires_grad))


_PUSH_ARGUMENT = frozenset(
    "BINUNICODE SHORT_BINUNICODE BINUNICODE8 UNICODE BININT BININT1 BININT2 INT LONG LONG1 LONG4 BINFLOAT FLOAT".split()
)
_PUSH_NEW: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
    "MARK": lambda: _MARK,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
