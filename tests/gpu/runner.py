"""Runs the cases of a step in processes of their own, with time limits, so that a crash or a hang costs one case."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from tests.gpu.journal import Journal
from tests.gpu.step import ROOT, Setting, Step
from tests.gpu.worker import CONTEXT_IS_DEAD

LEAST = 15  # seconds that must be left to begin anything
START = 120  # seconds that a process may take before its first case, and between two
TAIL = 3000  # characters of stderr that are kept when a process dies


class Runner:
    """Runs steps until `deadline`, a moment of time.monotonic(); the cases that are left run in a later call."""

    def __init__(self, journal: Journal, setting: Setting, deadline: float) -> None:
        self.journal, self.setting, self.deadline = journal, setting, deadline
        self._lock = threading.Lock()

    def run(self, step: Step, names: Sequence[str]) -> None:
        """Run these cases of `step`, as it wants them run."""
        batches = (
            [[name] for name in names] if step.alone else [list(names[i :: step.at_once]) for i in range(step.at_once)]
        )
        pool = ThreadPoolExecutor(step.at_once)
        try:
            for done in [pool.submit(self._drive, step, batch) for batch in batches]:
                done.result()
        except KeyboardInterrupt:
            self.deadline = 0.0
            raise
        finally:
            pool.shutdown()

    def _drive(self, step: Step, waiting: list[str]) -> None:
        """Start processes until all cases of `waiting` have a result or the time is up."""
        while waiting and self.deadline - time.monotonic() > LEAST:
            with tempfile.TemporaryFile("w+") as errors:
                process = _start(step, waiting, self.setting, errors)
                lines: queue.Queue[str | None] = queue.Queue()
                reader = threading.Thread(target=_read, args=(process, lines))
                reader.start()
                try:
                    self._follow(step, process, lines, waiting, errors)
                finally:
                    _kill(process)
                    reader.join()

    def _follow(
        self,
        step: Step,
        process: subprocess.Popen[str],
        lines: queue.Queue[str | None],
        waiting: list[str],
        errors: IO[str],
    ) -> None:
        """Keep what `process` tells; a case that takes too long, or ends the process, has failed."""
        current, since = None, time.monotonic()
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                if time.monotonic() >= self.deadline:
                    waiting.clear()  # the case under way runs again in the next call
                    return
                limit = START if current is None else step.limit
                if time.monotonic() - since >= limit:
                    self._add(step, waiting, current, f"took longer than {limit} s")
                    return
                continue
            if line is None:
                code = process.wait()
                if current is not None or (waiting and code != CONTEXT_IS_DEAD):
                    self._add(step, waiting, current, f"the process ended with code {code}: {_tail(errors)}")
                return
            event = json.loads(line)
            if event["state"] == "started":
                current, since = event["case"], time.monotonic()
            else:
                current, since = None, time.monotonic()
                waiting.remove(event["case"])
                self._keep(step, event)

    def _add(self, step: Step, waiting: list[str], case: str | None, text: str) -> None:
        """A failure that the process could not tell. Before its first case it fails all: "*"."""
        self._keep(step, {"case": case or "*", "state": "failed", "text": text, "seconds": 0.0})
        if case is None:
            waiting.clear()
        else:
            waiting.remove(case)

    def _keep(self, step: Step, event: dict[str, Any]) -> None:
        case = event.pop("case")
        with self._lock:
            self.journal.add(step.name, case, event)
            print(f"{step.name} {case}: {event['state']}, {event['seconds']:.1f} s", flush=True)


def _start(step: Step, names: Sequence[str], setting: Setting, errors: IO[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gpu.worker", step.module, *["--rehearse"] * setting.rehearsal]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,  # so that it can be ended with all that it has started
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(list(names)))
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended already; `_follow` says why
    return process


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and its children, if they are still there."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(errors: IO[str]) -> str:
    errors.seek(0)
    return errors.read()[-TAIL:]
