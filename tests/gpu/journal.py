"""The results of cases, kept as they come, and the summary made of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.gpu.step import ROOT

SOURCES = ("gpunn/**/*.py", "gpunn/emulator/native/**/*.*", "kernels/**/*.cu*", "tests/**/*.py", "benchmarks/*.py")
STATES = ("passed", "failed", "skipped")


class Journal:
    """The file results.jsonl of `folder`: one line for each case that is done, made of these sources."""

    def __init__(self, folder: Path, source: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.source = folder, source
        self.results: dict[str, dict[str, dict[str, Any]]] = {}  # by step and case
        self.outdated = 0  # results of other sources, which do not count
        path = folder / "results.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # the last line of a run that was killed
                continue
            if entry.pop("source") == source:
                self.results.setdefault(entry.pop("step"), {})[entry.pop("case")] = entry
            else:
                self.outdated += 1
        self._path, self._before = path, "" if text.endswith("\n") or not text else "\n"

    def add(self, step: str, case: str, result: Mapping[str, Any]) -> None:
        """Keep the result of a case."""
        entry = {"step": step, "case": case, "source": self.source, **result}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{self._before}{json.dumps(entry, default=str)}\n")
        self._before = ""
        self.results.setdefault(step, {})[case] = dict(result)

    def is_done(self, step: str, case: str, again: bool = False) -> bool:
        """Whether the case needs no run; with `again`, failed ones do."""
        found = self.results.get(step, {}).get(case)
        return found is not None and not (again and found["state"] == "failed")


def sources_digest() -> str:
    """What tells these sources from others."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def summary(journal: Journal, wanted: Mapping[str, list[str]], titles: Mapping[str, str]) -> dict[str, Any]:
    """What summary.json holds; `wanted` are the cases of each step, which may not be done yet."""
    steps = {}
    for step, cases in wanted.items():
        done = dict(journal.results.get(step, {}))
        left = [case for case in cases if case not in done]
        if cases and not left:
            done.pop("*", None)  # why the step could not begin, in an earlier call
        found = {case: done[case] for case in (*cases, *[c for c in done if c not in cases]) if case in done}
        counts = {state: sum(r["state"] == state for r in found.values()) for state in STATES}
        seconds = round(sum(r.get("seconds", 0) for r in found.values()), 1)
        steps[step] = {"title": titles[step], **counts, "left": left, "seconds": seconds, "cases": found}
    return {"source": journal.source, "steps": steps}


def table(found: Mapping[str, Any]) -> str:
    """One line a step, then one for each case that failed, and each reason for skipping once."""
    lines = [f"{'step':<16}{'passed':>8}{'failed':>8}{'skipped':>8}{'left':>6}{'seconds':>9}"]
    failed, skipped = [], {}
    for name, step in found["steps"].items():
        counts = "".join(f"{step[state]:>8}" for state in STATES)
        lines.append(f"{name:<16}{counts}{len(step['left']):>6}{step['seconds']:>9.1f}  {step['title']}")
        for case, result in step["cases"].items():
            if result["state"] == "failed":
                failed.append(f"FAILED {name} {case}: {_last_line(result['text'])}")
            if result["state"] == "skipped":
                skipped.setdefault((name, result["text"]), []).append(case)
    reasons = [f"skipped {name}{_which(cases)}: {text}" for (name, text), cases in skipped.items()]
    return "\n".join([*lines, *failed, *reasons])


def _which(cases: list[str]) -> str:
    """Which cases of a step; nothing for "*", the whole of it."""
    return "" if cases == ["*"] else f" ({len(cases)} cases, first {cases[0]})"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:300]
