"""Tar archives as folders: files are read where they are, nothing is extracted to disk.

A .tar is mapped into memory. A .tar.gz cannot be read from the middle, so it is unpacked once, into memory. All headers
are read once, and checked. Worker processes that are forked share the memory of their parent; those that are spawned
open the archive again.
"""

from __future__ import annotations

import gzip
import io
import mmap
import os
import tarfile
import weakref
import zlib
from pathlib import Path
from typing import Any, Final

from gpunn.errors import FileFormatError

MAX_BYTES: Final = 1 << 32  # that a .tar.gz may need unpacked
_PIECE: Final = 1 << 24
_BLOCK: Final = 512
Stamp = tuple[str, int, int]


class Archive:
    """The regular files of a tar archive, gzipped or not.

    Names are paths with slashes, without "." in front; hidden files and folders, which start with a dot, are left out.
    Raises FileFormatError if the archive is damaged, cut short or would exceed `limit` bytes unpacked; if a name is
    absolute, leaves the archive or is there twice; and if a member is a link, a device or sparse.
    """

    def __init__(self, path: str | os.PathLike[str], limit: int = MAX_BYTES) -> None:
        self.path, self.limit = Path(path), limit
        self.stamp = _stamp(self.path)
        self._file = _opened(self.path, limit)
        self._members: dict[str, tuple[int, int]] = {}  # name → where its bytes start, and how many they are
        self._folders: set[str] = set()
        self._index()

    def _index(self) -> None:
        size, before = len(self._view()), -1
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                for member in tar:
                    if member.offset <= before or not 0 <= member.size <= size - member.offset_data:
                        raise FileFormatError(f"{self.path}: {member.name}: cut short, or a damaged header")
                    before = member.offset
                    self._add(member)
                end = bytes(self._view()[tar.offset : tar.offset + _BLOCK])
        except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{self.path}: not a tar archive, or damaged: {error}") from error
        if end != bytes(_BLOCK):
            raise FileFormatError(f"{self.path}: cut short, or a damaged header, at byte {tar.offset} of {size}")

    def _add(self, member: tarfile.TarInfo) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        name, shown = "/".join(parts), f"{self.path}: {member.name}"
        if member.name.startswith("/") or ".." in parts or "\\" in member.name:
            raise FileFormatError(f"{shown}: the name leaves the archive, or is absolute")
        if not parts or any(part.startswith(".") for part in parts):
            return
        if not (member.isdir() or member.isreg()) or member.sparse is not None:
            raise FileFormatError(f"{shown}: not a plain file or folder, but a link, a device or sparse")
        if name in self._members or (member.isreg() and name in self._folders):
            raise FileFormatError(f"{shown}: is there twice")
        above = ["/".join(parts[:k]) for k in range(1, len(parts) + member.isdir())]
        if files := self._members.keys() & above:
            raise FileFormatError(f"{shown}: is inside of {files.pop()}, which is a file")
        self._folders.update(above)
        if member.isreg():
            self._members[name] = (member.offset_data, member.size)

    def _view(self) -> memoryview:
        return self._file.getbuffer() if isinstance(self._file, io.BytesIO) else memoryview(self._file)

    def has_folder(self, folder: str) -> bool:
        """Whether `folder` is one; "" is the archive itself."""
        return not folder or folder in self._folders

    def folders(self, folder: str = "") -> list[str]:
        """The names of the folders directly in `folder`, sorted."""
        inside = f"{folder}/" if folder else ""
        return sorted(name[len(inside) :] for name in self._folders if name.rpartition("/")[0] == folder)

    def files(self, folder: str = "") -> list[str]:
        """The full names of the files in `folder` and below, sorted by their folders, then by their names."""
        inside = f"{folder}/" if folder else ""
        names = [name for name in self._members if name.startswith(inside)]
        return sorted(names, key=lambda name: (name.rpartition("/")[0], name))

    def read(self, name: str) -> bytes:
        """The content of a file."""
        start, size = self._members[name]
        return bytes(self._view()[start : start + size])

    def __reduce__(self) -> tuple[Any, ...]:
        return shared, (self.path, self.limit, self.stamp)


_open: weakref.WeakValueDictionary[tuple[Stamp, int], Archive] = weakref.WeakValueDictionary()


def shared(path: str | os.PathLike[str], limit: int = MAX_BYTES, stamp: Stamp | None = None) -> Archive:
    """The archive at `path`: one in a process, as long as it does not change and somebody has it.

    `stamp` is that of an archive that another process opened, which must be the same still.
    """
    now = _stamp(Path(path))
    if stamp is not None and now[1:] != stamp[1:]:
        raise FileFormatError(f"{path}: was changed since it was opened")
    archive = _open.get((now, limit))
    if archive is None:
        archive = _open[now, limit] = Archive(path, limit)
    return archive


def split(path: str | os.PathLike[str]) -> tuple[Path, str] | None:
    """The archive that `path` is in, or is, and the path inside; None if `path` leads through folders only."""
    whole = Path(path)
    for place in (whole, *whole.parents):
        if place.is_file():
            return place, "" if place == whole else whole.relative_to(place).as_posix()
        if place.is_dir():
            return None
    return None


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return str(path.resolve()), found.st_size, found.st_mtime_ns


def _opened(path: Path, limit: int) -> io.BytesIO | mmap.mmap:
    with open(path, "rb") as raw:
        magic = raw.read(2)
        raw.seek(0)
        if not magic:
            raise FileFormatError(f"{path}: is empty")
        if magic != b"\x1f\x8b":
            return mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)
        content = io.BytesIO()
        try:
            with gzip.open(raw) as file:
                while piece := file.read(_PIECE):
                    if content.tell() + len(piece) > limit:
                        raise FileFormatError(
                            f"{path}: more than {limit} bytes unpacked; gunzip it: a .tar is read where it is"
                        )
                    content.write(piece)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileFormatError(f"{path}: damaged gzip file: {error}") from error
        content.seek(0)
        return content
