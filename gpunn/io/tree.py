"""Nested structures as JSON: dicts, lists, tuples, modules and plain values, with tensors by name."""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, FileFormatError
from gpunn.io import names
from gpunn.nn.module import TABLES, Module
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Size, Tensor

MAX_DEPTH = 100  # far from where Python itself gives up
_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "size": Size,
}


class Encoder:
    """Makes JSON of an object; the arrays it meets are collected in `arrays` by name.

    A tensor that appears twice is stored once. Views are stored with their own elements only, so they do not share
    memory after loading.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._names: dict[int, str] = {}
        self._modules: dict[int, int] = {}  # the number of each module, by its identity
        self._kept: list[Any] = []  # all that has an identity here, so that no other object gets it
        self._inside = 0  # so many modules, whose attributes may be classes and functions

    def encode(self, obj: Any, path: tuple[str, ...] = ()) -> Any:
        """`obj` as JSON can hold it: itself if it is None, a bool, a string or a usual number, else a tagged dict."""
        if len(path) > MAX_DEPTH:
            raise ArgumentError(f"save: nested deeper than {MAX_DEPTH} levels, at {'.'.join(path[:8])}...")
        if obj is None or type(obj) in (bool, str):
            return obj
        if type(obj) is int:
            return obj if abs(obj) < 1 << 63 else {"int": hex(obj)}
        if type(obj) is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        if isinstance(obj, Tensor):
            return self._tensor(obj, path)
        if isinstance(obj, dict):
            return self._dict(obj, path)
        for name, maker in _SEQUENCES.items():
            if type(obj) is maker:
                values = [self.encode(v, (*path, str(i))) for i, v in enumerate(obj)]
                return {name: sorted(values, key=repr) if "set" in name else values}
        return self._leaf(obj, path)

    def _dict(self, obj: dict[Any, Any], path: tuple[str, ...]) -> Any:
        """Pairs of key and value; of a state dict also the versions of the layers, in `_metadata`."""
        pairs = [[self.encode(k, (*path, "key")), self.encode(v, (*path, str(k)))] for k, v in obj.items()]
        if not isinstance(obj, OrderedDict):
            return {"dict": pairs}
        if not hasattr(obj, "_metadata"):
            return {"ordered": pairs}
        return {"ordered": pairs, "metadata": self.encode(obj._metadata, (*path, "_metadata"))}

    def _leaf(self, obj: Any, path: tuple[str, ...]) -> Any:
        if isinstance(obj, (np.ndarray, np.generic)):
            return {"numpy": self._store(np.asarray(obj), path), "scalar": isinstance(obj, np.generic)}
        if type(obj) is bytes:
            return {"bytes": base64.b64encode(obj).decode()}
        if isinstance(obj, dtypes.dtype):
            return {"dtype": obj.name}
        if isinstance(obj, backend.device):
            return {"device": str(obj)}
        if isinstance(obj, Module):
            return self._module(obj, path)
        if self._inside and isinstance(obj, names.KINDS):
            return {"name": self._name(obj, path)}
        raise self._refusal(f"a {type(obj).__name__}", path)

    @staticmethod
    def _refusal(what: str, path: tuple[str, ...]) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"save: cannot store {what} at {'.'.join(path) or 'the top'}; files hold tensors, numbers, strings, "
            "lists, tuples, sets and dicts of them, and modules. Of an optimizer save its state_dict()"
        )

    def _name(self, thing: Any, path: tuple[str, ...]) -> str:
        name = names.name_of(thing)
        if not name:
            raise self._refusal(f"{thing!r}, which cannot be found by its name,", path)
        return name

    def _module(self, module: Module, path: tuple[str, ...]) -> Any:
        """The class by its name, and all attributes; of a module that was met before, its number."""
        if id(module) in self._modules:
            return {"same": self._modules[id(module)]}
        number = self._modules[id(module)] = len(self._modules)
        self._kept.append(module)
        own: dict[str, Any] = module.__getstate__()  # its attributes, or a refusal
        if any(own.get("_hooks", {}).values()):
            raise self._refusal(f"{type(module).__name__} with hooks, which are functions,", path)
        self._inside += 1
        tables = [[self._entry(k, v, path) for k, v in own[table].items()] for table in TABLES]
        rest = [self._entry(k, v, path) for k, v in own.items() if k not in (*TABLES, "_hooks")]
        self._inside -= 1
        return {"module": self._name(type(module), path), "number": number, "tables": tables, "rest": rest}

    def _entry(self, key: str, value: Any, path: tuple[str, ...]) -> list[Any]:
        return [key, self.encode(value, (*path, key))]

    def _tensor(self, tensor: Tensor, path: tuple[str, ...]) -> Any:
        name = self._names.get(id(tensor))
        if name is None:
            name = self._names[id(tensor)] = self._store(backend.asnumpy(tensor.array), path)
            self._kept.append(tensor)
        entry: dict[str, Any] = {"tensor": name, "device": str(tensor.device)}
        if tensor.requires_grad:
            entry["requires_grad"] = True
        if isinstance(tensor, Parameter):
            entry["parameter"] = True
        return entry

    def _store(self, array: np.ndarray[Any, Any], path: tuple[str, ...]) -> str:
        try:
            dtypes.of(array)
        except DtypeError:
            raise self._refusal(f"an array of {array.dtype}", path) from None
        name = base = ".".join(path).encode("utf-8", "replace").decode() or "value"
        number = 1
        while name in self.arrays or name == "__metadata__":
            number += 1
            name = f"{base}#{number}"
        self.arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
        return name


class Decoder:
    """Makes the object again from JSON and arrays."""

    def __init__(
        self, arrays: dict[str, np.ndarray[Any, Any]], place: Callable[[Tensor, str], Tensor], trusting: bool = False
    ) -> None:
        self.arrays, self._place, self._trusting = arrays, place, trusting
        self._made: dict[str, Tensor] = {}
        self._modules: dict[int, Module] = {}

    def decode(self, code: Any) -> Any:
        """The object that `Encoder.encode` made `code` of."""
        if not isinstance(code, dict):
            if isinstance(code, list):
                raise FileFormatError("load: the file's structure is damaged: a bare list")
            return code
        kind = next(iter(code), "")
        content: Any = code.get(kind)
        if kind in ("dict", "ordered"):
            return self._dict(code, [(self.decode(k), self.decode(v)) for k, v in content])
        if kind in _SEQUENCES:
            return _SEQUENCES[kind]([self.decode(v) for v in content])
        if kind == "tensor":
            return self._tensor(code)
        if kind == "numpy":
            array = self.arrays[str(content)]
            return array[()] if code.get("scalar") else array
        if kind == "module":
            return self._module(code)
        if kind == "same":
            return self._modules[content]
        if kind == "name":
            return names.find(content, self._trusting)
        return _leaf(kind, str(content))

    def _module(self, code: dict[str, Any]) -> Module:
        """A module of the class that `code` names, with its attributes; its own __init__ does not run."""
        made = names.find(code["module"], self._trusting)
        if not (isinstance(made, type) and issubclass(made, Module)):
            raise FileFormatError(f"load: the file has {code['module']} as a module, which is none")
        module: Module = made.__new__(made)
        Module.__init__(module)  # what every module has, also where the file is older than that
        self._modules[code["number"]] = module
        state: dict[str, Any] = {key: self.decode(value) for key, value in code["rest"]}
        for table, kind, entries in zip(TABLES, (Parameter, Tensor, Module), code["tables"], strict=True):
            state[table] = {key: self._of(kind, value) for key, value in entries}
        vars(module).update(state, _hooks={})
        return module

    def _of(self, kind: type, code: Any) -> Any:
        """The object, which must be of this kind or None."""
        found = self.decode(code)
        if found is None or isinstance(found, kind):
            return found
        raise FileFormatError(f"load: the file has a {type(found).__name__} where a {kind.__name__} must be")

    def _dict(self, code: dict[str, Any], pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        if "dict" in code:
            return dict(pairs)
        made: Any = OrderedDict(pairs)
        if "metadata" in code:
            made._metadata = self.decode(code["metadata"])
        return made

    def _tensor(self, code: dict[str, Any]) -> Tensor:
        name = code["tensor"]
        if name not in self._made:
            tensor = self._place(Tensor(self.arrays[name]), str(code.get("device", "cpu")))
            needs = bool(code.get("requires_grad", False))
            self._made[name] = Parameter(tensor, needs) if code.get("parameter") else tensor.requires_grad_(needs)
        return self._made[name]


def _leaf(kind: str, content: str) -> Any:
    if kind == "int":
        return int(content, 16)
    if kind == "float":
        return float(content)
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "dtype":
        return next(d for d in dtypes.ALL if d.name == content)
    if kind == "device":
        return backend.device(content)
    raise FileFormatError(f"load: the file holds a {kind!r}, which this version of gpunn does not know")
