"""What is promised (promised.txt) and what is excused (exceptions.txt), as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Promise(NamedTuple):
    """One line of promised.txt: a public name of gpunn, and the OpInfos that judge it."""

    family: str
    name: str
    infos: tuple[str, ...]


class Excuse(NamedTuple):
    """One line of exceptions.txt: which checks of which op do what, when, and why."""

    infos: tuple[str, ...]
    checks: tuple[str, ...]
    action: str
    when: str
    reason: str

    def covers(self, info: str, check: str, text: str) -> bool:
        """Whether this is about `check` of `info` on a sample described by `text`."""
        about = {"*", info} & set(self.infos) and {"*", check} & set(self.checks)
        if not about:
            return False
        return self.when == "*" or any(term.strip() in text for term in self.when.split(" or "))


def promises(*families: str) -> list[Promise]:
    """The promised names, all or those of `families`, in the order of the file."""
    found, family = [], ""
    for line in _lines("promised.txt"):
        if line.startswith("["):
            family = line.strip("[]")
            continue
        for entry in line.split():
            name, judged, infos = entry.partition("=")
            listed = () if infos == "-" else tuple(infos.split(",")) if judged else (name,)
            found.append(Promise(family, name, listed))
    return [p for p in found if not families or p.family in families]


def excuses() -> list[Excuse]:
    """All exceptions, in the order of the file."""
    found = []
    for line in _lines("exceptions.txt"):
        info, checks, action, when, reason = (column.strip() for column in line.split("|", 4))
        found.append(Excuse(tuple(info.split()), tuple(checks.split()), action, when, reason))
    return found


def _lines(name: str) -> Iterator[str]:
    for raw in (HERE / name).read_text(encoding="utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        if line:
            yield line
