"""Two runs side by side: `--compare OLD.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .tables import columns, geometric_mean

SAME = ("cpu", "gpu", "threads", "numpy", "blas", "cupy", "torch", "cache")  # must agree for a fair comparison


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
    rows, ratios, slow = [["case", "old ms", "new ms", "speed, new / old", ""]], [], 0
    for entry in new["benchmarks"]:
        was = before.get(entry["name"])
        if was is None or entry.get("backend", "").startswith("torch"):
            continue
        ratio = _milliseconds(was) / _milliseconds(entry)
        is_slow = fail_below is not None and ratio < fail_below
        slow += is_slow
        ratios.append(ratio)
        mark = f"below {fail_below:g}" if is_slow else ""
        rows.append([entry["name"], f"{_milliseconds(was):.4f}", f"{_milliseconds(entry):.4f}", f"{ratio:.2f}", mark])
    lines = [_differences(old["context"], new["context"])] if "context" in old and "context" in new else []
    if not ratios:
        return "\n".join([*lines, "nothing to compare: the two have no case in common"]), True
    lines += [columns(rows), f"{len(ratios)} cases, geometric mean {geometric_mean(ratios):.2f}, {slow} too slow"]
    return "\n".join(line for line in lines if line), slow > 0


def _milliseconds(entry: dict[str, Any]) -> float:
    return float(entry["real_time"]) * {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}[entry["time_unit"]]


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    unlike = [
        f"{key}: {old.get(key, '-')} then, {new.get(key, '-')} now" for key in SAME if old.get(key) != new.get(key)
    ]
    return f"not the same surroundings: {'; '.join(unlike)}" if unlike else ""
