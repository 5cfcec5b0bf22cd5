"""A step for the tests of the runner: cases that go well, fail, end their process, never end."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from tests.gpu.step import Case, Failed, Setting, Skipped, Step


def cases(setting: Setting) -> Mapping[str, Case]:
    """Faults, and a good case after each."""
    return {
        "good": lambda: {"pid": os.getpid()},
        "false": _false,
        "faults": _faults,
        "crash": lambda: os._exit(11),
        "after the crash": lambda: print("what a case prints is no event"),
        "hang": lambda: time.sleep(3600),
        "skipped": _skipped,
        "last": lambda: None,
        "again": lambda: {"pid": os.getpid()},
    }


def _false() -> Any:
    assert 1 + 1 == 3, "one and one"


def _faults() -> Any:
    raise Failed("two faults", {"faults": 2})


def _skipped() -> Any:
    raise Skipped("no reason")


STEP = Step("planted", "faults", __name__, cases, limit=5)
