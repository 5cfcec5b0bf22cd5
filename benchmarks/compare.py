"""Two runs side by side: `--compare OLD.json`."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from .tables import WIDTH, columns, duration, geometric_mean

# must agree for a fair comparison
SAME = ("cpu", "gpu", "threads", "numpy", "blas", "cupy", "torch", "tf32", "cache", "clock")


def read(file: str) -> dict[str, Any]:
    """The results in `file`; ValueError says what is wrong with it."""
    try:
        found = json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"--compare {file}: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("benchmarks"), list):
        raise ValueError(f'--compare {file}: expected the JSON of `gpunn bench --json`, found no list "benchmarks"')
    return found


def compare(old: dict[str, Any], new: dict[str, Any], fail_below: float | None) -> tuple[str, bool]:
    """A table of how fast each case is now, in parts of how fast it was; whether one is below `fail_below`.

    Only gpunn's own times count: PyTorch's tell of the machine. Without a case in common there is nothing to pass.
    """
    before = {entry["name"]: entry for entry in old["benchmarks"]}
    rows, ratios, slow = [["", "old", "new", "speed", ""]], [], 0
    for entry in new["benchmarks"]:
        was = before.get(entry["name"])
        if was is None or entry.get("backend", "").startswith("torch"):
            continue
        ratio = seconds(was) / seconds(entry)
        is_slow = fail_below is not None and ratio < fail_below
        slow += is_slow
        ratios.append(ratio)
        words = [duration(seconds(was)), duration(seconds(entry)), f"{ratio:.2f}", "slow" if is_slow else ""]
        rows.append([entry["name"], *words])
    lines = [_differences(old["context"], new["context"])] if "context" in old and "context" in new else []
    if not ratios:
        return "\n".join([*lines, "nothing to compare: the two have no case in common"]), True
    lines.append(columns(rows))
    limit = "" if fail_below is None else f", {slow} below {fail_below:g}"
    lines.append(f"{len(ratios)} cases, geometric mean of the speed, new / old: {geometric_mean(ratios):.2f}{limit}")
    return "\n".join(line for line in lines if line), slow > 0


def seconds(entry: dict[str, Any]) -> float:
    """The time of a run."""
    return float(entry["real_time"]) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[entry["time_unit"]]


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    unlike = [
        f"{key}: {old.get(key, '-')} then, {new.get(key, '-')} now" for key in SAME if old.get(key) != new.get(key)
    ]
    return textwrap.fill(f"not the same surroundings: {'; '.join(unlike)}", WIDTH) if unlike else ""
