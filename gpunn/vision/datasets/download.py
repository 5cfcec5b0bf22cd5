"""Downloads with a checksum: a file is complete and right, or it is not there.

The network libraries are imported when something is downloaded: `import gpunn` takes a quarter less time without them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from gpunn.errors import FileFormatError, GpunnError

_PIECE = 1 << 16


class DownloadError(GpunnError, RuntimeError):
    """A file that could not be downloaded from any of its addresses."""


def download(urls: Sequence[str], path: Path, check: Callable[[Path], None], limit: int) -> None:
    """Fetch `path` from the first of `urls` that gives at most `limit` bytes that pass `check`.

    `check(file)` raises FileFormatError for wrong content. The file appears under its name only afterwards.
    """
    from http.client import HTTPException

    problems: list[str] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for url in urls:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            _fetch(url, temporary, path.name, limit)
            check(temporary)
            os.replace(temporary, path)
            return
        except (OSError, HTTPException, FileFormatError) as error:
            problems.append(f"{url}: {error}".rstrip())
        finally:
            temporary.unlink(missing_ok=True)
    raise DownloadError(f"could not download {path.name}:\n" + "\n".join(problems))


def _fetch(url: str, path: Path, name: str, limit: int) -> None:
    from urllib.request import urlopen

    from tqdm import tqdm

    with (
        urlopen(url, timeout=30) as response,
        open(path, "wb") as file,
        tqdm(unit="B", unit_scale=True, desc=name, leave=False) as bar,
    ):
        while piece := response.read(_PIECE):
            bar.update(len(piece))
            if bar.n > limit:
                raise FileFormatError(f"longer than {limit} bytes")
            file.write(piece)
