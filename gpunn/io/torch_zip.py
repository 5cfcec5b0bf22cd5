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
from types import NoneType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from gpunn import backend, dtypes
from gpunn.errors import FileFormatError
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Size, Tensor

_STORAGES: dict[str, Any] = {
    "FloatStorage": np.float32, "DoubleStorage": np.float64, "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16, "LongStorage": np.int64, "IntStorage": np.int32, "ShortStorage": np.int16,
    "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}  # fmt: skip
_MARK = object()
_PROTOCOL = 5  # the highest there is
_ORDERED, _SET, _ENCODE = ("collections", "OrderedDict"), ("__builtin__", "set"), ("_codecs", "encode")
_TENSOR, _PARAMETER = ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")
_SIZE, _DEVICE = ("torch", "Size"), ("torch", "device")
_KNOWN = {_ORDERED, _SET, ("builtins", "set"), _ENCODE, _TENSOR, _PARAMETER, _SIZE, _DEVICE}
_KNOWN |= {("torch", name) for name in _STORAGES}
_DTYPES = {("torch", d.name): d for d in dtypes.ALL}
_KEYS = (str, int, float, bytes, NoneType)  # plain: the hash of nested tuples can take forever


class _Name(NamedTuple):
    """A global that the stream refers to, one of `_KNOWN`."""

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
        prefix = names[0].removesuffix("data.pkl")
        if f"{prefix}byteorder" in archive.namelist() and archive.read(f"{prefix}byteorder") != b"little":
            raise FileFormatError("load: the PyTorch file is from a big-endian machine")
        return _Machine(archive, prefix, place).run(archive.read(names[0]))


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
                return self._result()
            if opcode.name in _PUSH_ARGUMENT:
                self.stack.append(argument)
            elif opcode.name in _PUSH_NEW:
                self.stack.append(_PUSH_NEW[opcode.name]())
            else:
                self._other(opcode.name, argument)
        raise FileFormatError("load: the PyTorch file is cut short")

    def _result(self) -> Any:
        if len(self.stack) != 1 or self.stack[0] is _MARK or isinstance(self.stack[0], (_Name, _Storage)):
            raise FileFormatError("load: the PyTorch file is damaged: it does not end with one object")
        return self.stack[0]

    def _other(self, name: str, argument: Any) -> None:
        if name == "FRAME" or (name == "PROTO" and argument <= _PROTOCOL):
            return
        if name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            self.stack.append(_global(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            second, first = self.stack.pop(), self.stack.pop()
            self.stack.append(_global(first, second))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            self.stack[-n:] = [tuple(self.stack[-n:])]
        else:
            self._combine(name, argument)

    def _combine(self, name: str, argument: Any) -> None:
        """Instructions that take several values from the stack."""
        stack = self.stack
        if name in ("TUPLE", "LIST"):
            values = self._to_mark()
            stack.append(tuple(values) if name == "TUPLE" else values)
        elif name == "DICT":
            values = self._to_mark()
            stack.append({})
            self._set_items(values)
        elif name == "APPEND":
            value = stack.pop()
            stack[-1].append(value)
        elif name == "APPENDS":
            values = self._to_mark()
            stack[-1].extend(values)
        elif name == "SETITEM":
            values = [stack.pop(), stack.pop()]
            self._set_items(values[::-1])
        elif name == "SETITEMS":
            values = self._to_mark()
            self._set_items(values)
        elif name == "ADDITEMS":
            values = self._to_mark()
            stack[-1].update(map(_as_key, values))
        else:
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        """Instructions by which pickle runs code; here they make tensors and what belongs to them."""
        stack = self.stack
        if name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(self._call(function, arguments))
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], OrderedDict) or not isinstance(state, dict):
                raise FileFormatError("load: the PyTorch file holds an object with state; only plain tensors are read")
            stack[-1].__dict__.update({k: v for k, v in state.items() if k == "_metadata"})
        else:
            what = name if argument is None else f"{name} {argument!r}"
            raise FileFormatError(f"load: the PyTorch file uses pickle's {what}; only plain tensors are read")

    def _set_items(self, values: list[Any]) -> None:
        """Put the pairs key, value, key, value... into the dict on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise FileFormatError("load: the PyTorch file is damaged: items of something that is no dict")
        target.update(zip(map(_as_key, values[::2]), values[1::2], strict=True))

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
        if function == _ORDERED and not arguments:
            return OrderedDict()
        if function == _TENSOR:
            return self._tensor(*arguments[:5])
        if function == _PARAMETER:
            return Parameter(arguments[0], bool(arguments[1]))
        if function == _SIZE:
            return Size(arguments[0])
        if function == _DEVICE:
            return backend.device(*arguments)
        if function == _ENCODE and arguments[1] == "latin1":
            return arguments[0].encode("latin1")
        if function in (_SET, ("builtins", "set")):
            return set(map(_as_key, *arguments))
        raise FileFormatError(f"load: the PyTorch file calls {function!r}; only plain tensors are read")

    def _tensor(self, storage: Any, offset: int, size: Any, stride: Any, requires_grad: Any) -> Tensor:
        if not isinstance(storage, _Storage) or len(size) != len(stride) or min((offset, *size, *stride)) < 0:
            raise FileFormatError("load: the PyTorch file is damaged: a tensor with an impossible shape")
        flat = storage.array
        if 0 in size:
            shown = np.empty(size, flat.dtype)
        else:
            reach = _reach(size, stride)
            if offset + reach >= flat.size:
                raise FileFormatError("load: the PyTorch file is damaged: a tensor reaches beyond its storage")
            part = flat[offset : offset + reach + 1]
            shown = np.lib.stride_tricks.as_strided(part, size, [s * flat.itemsize for s in stride])
        return self.place(Tensor(shown), storage.location).requires_grad_(bool(requires_grad))


def _global(module: Any, name: Any) -> Any:
    """The dtype or the harmless name that the stream refers to; any other one raises."""
    if (module, name) in _DTYPES:
        return _DTYPES[module, name]
    if (module, name) not in _KNOWN:
        raise FileFormatError(f"load: the PyTorch file refers to {module}.{name}; only plain tensors are read")
    return _Name(module, name)


def _as_key(key: Any) -> Any:
    """`key`, of a dict or set, if it is a plain value."""
    if not isinstance(key, _KEYS):
        raise FileFormatError(f"load: the PyTorch file has a {type(key).__name__} as a key; only plain values are read")
    return key


def _reach(size: Any, stride: Any) -> int:
    """How far the last element is from the first; raises where two elements are at one place."""
    reach = 0
    for s, n in sorted(zip(stride, size, strict=True)):
        if n > 1 and s <= reach:
            raise FileFormatError("load: the PyTorch file holds an expanded tensor; save x.clone() instead")
        reach += (n - 1) * s
    return reach


_PUSH_ARGUMENT = frozenset(
    (
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    )
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
