"""The command line: which steps, how long, and what to say at the end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gpunn import backend, emulator
from tests.gpu.journal import Journal, sources_digest, summary, table
from tests.gpu.runner import Runner
from tests.gpu.step import Setting, Skipped, Step
from tests.gpu.steps import STEPS

PASSED, FAILED, NO_GPU, UNFINISHED = 0, 1, 3, 4  # exit codes; 2 is for wrong arguments
VERDICTS = {
    PASSED: "all passed",
    FAILED: "there are failures: see FAILED above and summary.json",
    UNFINISHED: "none failed",
}


def main(argv: Sequence[str] | None = None, steps: Mapping[str, Step] = STEPS) -> int:
    """Run what is not done yet; the exit code."""
    args = _arguments(argv, steps)
    problem = emulator.compiler_problem() if args.rehearse else backend.cuda_problem()
    if problem is not None:
        print(f"gpu-check: {'no emulator' if args.rehearse else 'no GPU'}: {problem}. Nothing was checked.")
        return NO_GPU
    if args.fresh:
        for name in ("results.jsonl", "summary.json"):
            (args.out / name).unlink(missing_ok=True)
    setting = Setting(args.rehearse)
    journal = Journal(args.out, sources_digest())
    where = "a rehearsal on the emulator, with small sizes" if args.rehearse else "on the GPU"
    print(f"gpu-check: {where}; at most {args.minutes:g} minutes; results in {args.out}", flush=True)
    if journal.outdated:
        print(f"the sources have changed: {journal.outdated} earlier results do not count")
    runner = Runner(journal, setting, time.monotonic() + 60 * args.minutes)
    wanted: dict[str, list[str]] = {}
    for name in args.only or steps:
        wanted[name] = _cases(steps[name], setting, journal)
    try:
        for name, cases in wanted.items():
            todo = [case for case in cases if not journal.is_done(name, case, args.again)]
            if todo:
                print(f"{name}: {steps[name].title}; {len(todo)} of {len(cases)} cases are left", flush=True)
                runner.run(steps[name], todo)
    finally:
        found = summary(journal, wanted, {name: step.title for name, step in steps.items()})
        (args.out / "summary.json").write_text(json.dumps(found, indent=1) + "\n")
        print(table(found))
    code = _exit_code(found["steps"])
    left = sum(len(step["left"]) for step in found["steps"].values())
    print(f"{VERDICTS[code]}{f'; {left} cases are left: call it again to go on' if left else ''}")
    return code


def _arguments(argv: Sequence[str] | None, steps: Mapping[str, Step]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gpu",
        description="Check gpunn on this machine's GPU. A run that was cut off goes on when it is called again.",
        epilog="Exit codes: 0 all passed, 1 a case failed, 3 no GPU (or a package is missing), 4 time is up and cases "
        "are left.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results are kept")
    parser.add_argument("--only", nargs="+", choices=list(steps), metavar="STEP", help=f"of {', '.join(steps)}")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--again", action="store_true", help="run failed cases again")
    parser.add_argument("--minutes", type=float, default=9.0, help="stop after so long (default: 9)")
    parser.add_argument("--rehearse", action="store_true", help="on the emulator, with small sizes")
    return parser.parse_args(sys.argv[1:] if argv is None else argv)


def _cases(step: Step, setting: Setting, journal: Journal) -> list[str]:
    try:
        return list(step.cases(setting))
    except Skipped as skipped:
        if not journal.is_done(step.name, "*"):
            journal.add(step.name, "*", {"state": "skipped", "text": str(skipped), "seconds": 0.0})
        return []


def _exit_code(steps: Mapping[str, dict[str, object]]) -> int:
    if any(step["failed"] for step in steps.values()):
        return FAILED
    return UNFINISHED if any(step["left"] for step in steps.values()) else PASSED
