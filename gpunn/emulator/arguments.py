"""A kernel's arguments: each is checked against its parameter, and all are packed as C lays out a struct.

CuPy passes what it is given: a Python number as 8 bytes, an array of any dtype as an address. What does not fit is an
EmulatorError here.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any, Final

import ml_dtypes
import numpy as np

from gpunn.emulator.runtime import Entry, Parameter
from gpunn.emulator.storage import EmulatorError, HostArray, Storage

SIGNED, UNSIGNED, FLOAT, BOOL, HALF, BFLOAT16, POINTER, OTHER = range(8)  # Kind in native/include/launch.h

_HALF_TYPES: Final = frozenset({np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)})
_NAMES: Final = {
    (SIGNED, 1): "signed char",
    (SIGNED, 2): "short",
    (SIGNED, 4): "int",
    (SIGNED, 8): "long long",
    (UNSIGNED, 1): "unsigned char",
    (UNSIGNED, 2): "unsigned short",
    (UNSIGNED, 4): "unsigned int",
    (UNSIGNED, 8): "unsigned long long",
    (FLOAT, 4): "float",
    (FLOAT, 8): "double",
    (BOOL, 1): "bool",
    (HALF, 2): "__half",
    (BFLOAT16, 2): "__nv_bfloat16",
}


def _is_element(dtype: np.dtype[Any], kind: int, size: int, of_array: bool) -> bool:
    """Whether a C type of this kind and size holds values of `dtype`; arrays of integers may differ in sign."""
    if dtype.itemsize != size:
        return kind == OTHER and of_array and size % dtype.itemsize == 0
    if kind in (SIGNED, UNSIGNED):
        own = dtype.kind == ("i" if kind == SIGNED else "u")
        return own or (of_array and (dtype.kind in "iu" or (size == 1 and dtype.kind == "b") or dtype in _HALF_TYPES))
    if kind == FLOAT:
        return dtype.kind == "f"
    if kind == HALF:
        return dtype == np.float16
    if kind == BFLOAT16:
        return dtype == ml_dtypes.bfloat16
    if kind == BOOL:
        return dtype.kind == "b"
    if kind == POINTER:
        return dtype.kind in "iu"
    return kind == OTHER


def address_of(host: HostArray) -> int:
    """Where the first element of an array lies. (`ctypes.data` does it too, four times slower.)"""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(host))  # type: ignore[arg-type] # arrays are buffers
    except (TypeError, ValueError, BufferError):  # read-only, strided or empty, or bfloat16
        return int(host.ctypes.data)


class Signature:
    """The parameters of a compiled kernel, with their names in the source."""

    def __init__(self, name: str, entry: Entry, names: Sequence[str]) -> None:
        self.name = name
        self.parameters: list[Parameter] = [entry.parameters[i] for i in range(entry.count)]
        known = len(names) == len(self.parameters)
        self.names = list(names) if known else [f"argument {i}" for i in range(len(self.parameters))]
        self.has_table = any(p.kind == POINTER and p.target == POINTER for p in self.parameters)
        self.has_double = any(
            (p.target, p.target_size) == (FLOAT, 8) or (p.kind, p.size) == (FLOAT, 8) for p in self.parameters
        )
        self._pack = struct.Struct(_layout(self.parameters)).pack
        self._accepted: list[set[Any]] = [set() for _ in self.parameters]  # dtypes and types that have passed

    def pack(self, args: Sequence[Any]) -> bytes:
        """The arguments as the kernel takes them; EmulatorError for one that its parameter does not take."""
        if len(args) != len(self.parameters):
            raise EmulatorError(f"{self.name} takes {len(self.parameters)} arguments, got {len(args)}")
        array_type = Storage.array_type
        values: list[Any] = []
        for index, arg in enumerate(args):
            if type(arg) is array_type:
                host = arg._host
                if host.dtype not in self._accepted[index]:
                    self._check_array(index, host)
                values.append(address_of(host))
            else:
                values.append(self._number(index, arg))
        return self._pack(*values)

    def _check_array(self, index: int, host: HostArray) -> None:
        parameter = self.parameters[index]
        if parameter.kind != POINTER:
            raise self._misfit(index, f"an array of {host.dtype}")
        if not _is_element(host.dtype, parameter.target, parameter.target_size, True):
            raise self._misfit(index, f"an array of {host.dtype}")
        self._accepted[index].add(host.dtype)

    def _number(self, index: int, arg: Any) -> Any:
        parameter = self.parameters[index]
        kind = type(arg)
        if kind not in self._accepted[index]:
            if parameter.kind == POINTER:
                if arg is not None:
                    raise self._misfit(index, f"{kind.__module__}.{kind.__name__}; kernels take arrays of the device")
                return 0
            if kind is bool and parameter.kind == BOOL:
                return bytes([arg])
            if not isinstance(arg, np.generic):
                raise self._misfit(index, f"a Python {kind.__name__}, which CuPy passes as 8 bytes whatever is wanted")
            if not _is_element(arg.dtype, parameter.kind, parameter.size, False):
                raise self._misfit(index, f"{arg.dtype}")
            self._accepted[index].add(kind)
        return arg.tobytes()

    def _misfit(self, index: int, given: str) -> EmulatorError:
        parameter = self.parameters[index]
        if parameter.kind == POINTER:
            wanted = (
                "addresses (int64)" if parameter.target == POINTER else _name(parameter.target, parameter.target_size)
            )
            wanted = f"an array of {wanted}"
        else:
            wanted = _name(parameter.kind, parameter.size)
        return EmulatorError(f"{self.name}: {self.names[index]} is {wanted}, got {given}")


def _name(kind: int, size: int) -> str:
    return _NAMES.get((kind, size), f"a struct of {size} bytes")


def _layout(parameters: Sequence[Parameter]) -> str:
    """The format of `struct` for the packed arguments: addresses and bytes, with gaps where alignment leaves some."""
    layout, end = "=", 0
    for parameter in parameters:
        layout += f"{parameter.offset - end}x" if parameter.offset > end else ""
        layout += "Q" if parameter.kind == POINTER else f"{parameter.size}s"
        end = parameter.offset + parameter.size
    return layout
