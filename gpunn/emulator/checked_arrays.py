"""The arrays of a launch with checks or in several orders, as the runtime wants them described.

Extent, name, and what may be done with them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from gpunn.emulator.arguments import Signature, address_of
from gpunn.emulator.runtime import ARRAY
from gpunn.emulator.storage import BFLOAT16, HostArray, Storage, everything
from gpunn.emulator.translation import dynamic_shared_name

NO_ARRAYS: Final = (0, 0, 0)
_ELSEWHERE: Final = -1  # the parameter of memory that only a table of addresses leads to


class CheckedArrays:
    """`words`: what the runtime is told: where the descriptions lie, how many, where the shared memory's name is."""

    def __init__(self, signature: Signature, args: Sequence[Any], code: str) -> None:
        described = [*_arguments(signature, args), *(_allocations() if signature.has_table else ())]
        self._kept = b"".join(described)
        self._address = ctypes.c_char_p(self._kept)
        where = ctypes.cast(self._address, ctypes.c_void_p).value
        self.words = (where, len(described), _text(dynamic_shared_name(code, signature.name)))


def _arguments(signature: Signature, args: Sequence[Any]) -> Iterator[bytes]:
    for index, arg in enumerate(args):
        if type(arg) is Storage.array_type:
            host = arg._host
            address, size = _extent(host)
            is_poisoned = arg._memory.is_poisoned and _is_floating(host)
            is_const = bool(signature.parameters[index].target_is_const)
            yield ARRAY.pack(address, size, _text(signature.names[index]), index, host.itemsize, is_const, is_poisoned)


def _allocations() -> Iterator[bytes]:
    """All that is alive on the device: a kernel that reads addresses from memory may touch any of it."""
    for _, root, is_poisoned in everything():
        address, size = _extent(root)
        unwritten = is_poisoned and _is_floating(root)
        name = f"an array of {root.dtype}"
        yield ARRAY.pack(address, size, _text(name), _ELSEWHERE, root.itemsize, False, unwritten)


def _extent(host: HostArray) -> tuple[int, int]:
    if host.flags.c_contiguous:
        return address_of(host), host.nbytes
    low, high = np.lib.array_utils.byte_bounds(host)
    return low, high - low


def _is_floating(host: HostArray) -> bool:
    """Integers may well be -1, which looks like memory that nobody has written."""
    return host.dtype.kind == "f" or host.dtype == BFLOAT16


@cache
def _text(text: str) -> int:
    """The address of a C string, which is kept for ever."""
    _kept_texts.append(ctypes.create_string_buffer(text.encode()))
    return ctypes.addressof(_kept_texts[-1])


_kept_texts: list[Any] = []
