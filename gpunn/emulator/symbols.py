"""The thread-local variables of a shared library, read from its ELF symbol table: a kernel's static shared memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

_SYMBOL_TABLE: Final = 2
_THREAD_LOCAL: Final = 6
_UNDEFINED: Final = 0


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def thread_variables(path: Path) -> Iterator[tuple[int, int, str]]:
    """(offset, size, symbol) of each thread-local variable that the library defines."""
    data = path.read_bytes()
    sections = _sections(data)
    for section in sections:
        if section.kind != _SYMBOL_TABLE:
            continue
        names = sections[section.link].offset
        for at in range(section.offset, section.offset + section.size, 24):
            name, info, _, index, value, size = struct.unpack_from("<IBBHQQ", data, at)
            symbol = data[names + name : data.index(b"\0", names + name)].decode()
            if info & 15 == _THREAD_LOCAL and index != _UNDEFINED:
                yield value, size, symbol


def _sections(data: bytes) -> list[_Section]:
    """The section headers of a 64-bit little-endian ELF file."""
    header: tuple[Any, ...] = struct.unpack_from("<16sHHIQQQIHHHHHH", data)
    offset, entry_size, count = header[6], header[11], header[12]
    return [_Section(*struct.unpack_from("<IIQQQQIIQQ", data, offset + i * entry_size)) for i in range(count)]
