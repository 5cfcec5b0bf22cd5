"""The process that runs cases: `python -m tests.gpu.worker MODULE [--rehearse]`, their names as JSON on stdin.

It writes a line of JSON when a case starts and one when it ends. What the cases print goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from gpunn import backend, emulator
from tests.gpu.step import Case, Failed, Setting, Skipped

TEXT = 6000  # characters of a failure that are kept
CONTEXT_IS_DEAD = 7  # the exit code that asks for another process


def main(argv: list[str]) -> int:
    """Run the cases that stdin names."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    setting = Setting("--rehearse" in argv)
    if setting.rehearsal:
        emulator.enable()

    def tell(event: dict[str, Any]) -> None:
        print(json.dumps(event, default=str), file=events, flush=True)

    cases = importlib.import_module(argv[0]).STEP.cases(setting)
    return run_cases({name: cases[name] for name in json.load(sys.stdin)}, tell)


def run_cases(cases: Mapping[str, Case], tell: Callable[[dict[str, Any]], None]) -> int:
    """Run all `cases` and tell how they went; stops after one that has broken the GPU's context."""
    for name, case in cases.items():
        tell({"case": name, "state": "started"})
        result = outcome(case)
        tell({"case": name, **result})
        if result["state"] == "failed" and not is_context_alive():
            return CONTEXT_IS_DEAD
    return 0


def outcome(case: Case) -> dict[str, Any]:
    """Run one case: state, seconds, facts, and the text if it failed or was skipped."""
    start = time.monotonic()
    result: dict[str, Any] = {"state": "passed"}
    try:
        facts = case()
    except Skipped as skipped:
        result, facts = {"state": "skipped", "text": str(skipped)}, None
    except Failed as failed:
        result, facts = {"state": "failed", "text": str(failed)[:TEXT]}, failed.facts
    except Exception:
        result, facts = {"state": "failed", "text": traceback.format_exc()[-TEXT:]}, None
    if facts is not None:
        result["facts"] = facts
    return {**result, "seconds": round(time.monotonic() - start, 3)}


def is_context_alive() -> bool:
    """Whether the GPU still computes for this process; True if it was never used."""
    if not backend.is_cuda_in_use():
        return True
    try:
        return bool(backend.cuda_module().ones(3).sum().get() == 3)
    except Exception:  # CUDA's errors have no common class
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
