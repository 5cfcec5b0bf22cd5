"""The runtime library in Python: opens compiled kernels and launches them."""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from pathlib import Path
from typing import Any, Final

from gpunn.emulator.compiler import build_runtime
from gpunn.emulator.symbols import thread_variables

# Request in native/launch_state.h: addresses of entry, module and arrays; the number of arrays; the address of the
# dynamic shared memory's name; time limit, seed; grid and block; dynamic shared memory, order, workers, checks,
# is_cooperative, flushes_denormals, orders.
REQUEST: Final = struct.Struct("PPPQPdQ6I7I4x")
ARRAY: Final = struct.Struct("PQPiiii")  # ArrayArgument, there too


class Parameter(ctypes.Structure):
    """Parameter in native/include/launch.h."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("size", ctypes.c_int),
        ("offset", ctypes.c_int),
        ("target", ctypes.c_int),
        ("target_size", ctypes.c_int),
        ("target_is_const", ctypes.c_int),
    )


class Entry(ctypes.Structure):
    """Entry in native/include/launch.h: a kernel."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("parameters", ctypes.POINTER(Parameter)),
        ("count", ctypes.c_int),
    )


@cache
def library() -> Any:
    """The runtime, built if need be. Its symbols are global, for the kernels' libraries to find."""
    runtime = ctypes.CDLL(str(build_runtime()), mode=ctypes.RTLD_GLOBAL)
    runtime.gpunn_open.restype = ctypes.c_void_p
    runtime.gpunn_open.argtypes = [ctypes.c_void_p]
    runtime.gpunn_image.restype = ctypes.c_size_t
    runtime.gpunn_image.argtypes = [ctypes.c_void_p]
    runtime.gpunn_add_variable.restype = None
    runtime.gpunn_add_variable.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p]
    runtime.gpunn_launch.restype = ctypes.c_char_p
    runtime.gpunn_launch.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    runtime.gpunn_demangle.restype = None
    runtime.gpunn_demangle.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    return runtime


class Library:
    """A loaded library of kernels: where each entry lies, by name."""

    def __init__(self, path: Path, check: bool) -> None:
        self.path = path
        self._loaded = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
        anchor = ctypes.cast(self._loaded.gpunn_anchor, ctypes.c_void_p)
        self.module: int = library().gpunn_open(anchor)
        self.image: int = library().gpunn_image(self.module)  # where it lies in memory
        self._loaded.gpunn_entries.restype = ctypes.POINTER(Entry)
        table = self._loaded.gpunn_entries()
        self.entries: dict[str, Entry] = {}
        while (entry := table[len(self.entries)]).name:
            self.entries[entry.name.decode()] = entry  # where it lies in the library, no copy
        if check:
            variables = (v for v in thread_variables(path) if not v[2].endswith("gpunn_anchor_variable"))
            for offset, size, symbol in variables:
                library().gpunn_add_variable(self.module, offset, size, variable_name(symbol).encode())


def variable_name(symbol: str) -> str:
    """The variable of a linker's symbol: "tile" of "_ZZ6kernelPfE4tile"; "" if it is one of the compiler's own."""
    if symbol.startswith("_ZGV"):  # whether a variable has been constructed
        return ""
    out = ctypes.create_string_buffer(4096)
    library().gpunn_demangle(symbol.encode(), out, len(out))
    return out.value.decode().rpartition("::")[2]


def address_of_entry(entry: Entry) -> int:
    """Where the entry lies in its library."""
    return ctypes.addressof(entry)


def launch(request: bytes, arguments: bytes) -> str:
    """Run a kernel; the text of its reports, "" if there are none."""
    text: bytes | None = library().gpunn_launch(request, arguments)
    return text.decode(errors="replace") if text else ""
