"""Folders for what is costly to make and may be lost: compiled kernels, compiler logs, measured configurations."""

from __future__ import annotations

import contextlib
import os
import tempfile
from functools import cache
from pathlib import Path


@cache
def cache_folder(name: str) -> Path:
    """A folder `name` of the user's own: ~/.cache/gpunn/<name>; if that cannot be written, a temporary one.

    Libraries from it are loaded, so a folder that another user made or can write to is not taken.
    """
    with contextlib.suppress(RuntimeError):  # a user without a home
        if _is_own(folder := Path.home() / ".cache" / "gpunn" / name):
            return folder
    folder = Path(tempfile.gettempdir()) / f"gpunn-{name}-{os.getuid()}"
    return folder if _is_own(folder) else Path(tempfile.mkdtemp(prefix=f"gpunn-{name}-"))


def _is_own(folder: Path) -> bool:
    """Whether `folder`, made if it is not there, belongs to this user and nobody else can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
        return facts.st_uid == os.getuid() and not facts.st_mode & 0o022 and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False
