"""The tests that take the fixture `device`, on the GPU, a file at a time."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.gpu.step import ROOT, Case, Failed, Setting, Skipped, Step, need_pytest, python

ELSEWHERE = ("oracle", "emulator", "gpu", "layout")  # folders that do not test on a GPU, or test nothing of gpunn
NO_TESTS = 5  # pytest's exit code
SHOWN = 20  # failures that are kept
REHEARSED = ("tests/ops/test_inplace.py",)


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each file."""
    need_pytest()
    files = setting.pick(device_tests(), REHEARSED)
    return {name: partial(run_file, name, setting) for name in files}


def device_tests() -> list[str]:
    """The files of the test suite that speak of a device."""
    paths = [p.relative_to(ROOT) for p in sorted((ROOT / "tests").rglob("test_*.py"))]
    return [p.as_posix() for p in paths if p.parts[1] not in ELSEWHERE and "device" in (ROOT / p).read_text()]


def run_file(name: str, setting: Setting) -> dict[str, Any]:
    """What pytest says of the tests of a file that run on the GPU."""
    marks = setting.pick(
        "gpu and not oracle and not long and not sweep", "not gpu and not oracle and not long and not sweep"
    )
    return pytest_facts([name, "--device", setting.device, "-m", marks])


def pytest_facts(arguments: Sequence[str], before: Sequence[str] = ()) -> dict[str, Any]:
    """Run pytest and count; Failed with the texts of what failed, Skipped if it had nothing to run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = python(["-m", "pytest", *arguments, *options], before)
        if done.returncode == NO_TESTS:
            raise Skipped("no test here runs on a GPU")
        if not report.exists():
            raise Failed(f"pytest ended with code {done.returncode}: {(done.stdout + done.stderr)[-4000:]}")
        facts = counts(report.read_text(encoding="utf-8"))
    faults = facts.pop("faults")
    if done.returncode != 0:
        texts = [f"{name}: {text}" for name, text in faults[:SHOWN]] or [(done.stdout + done.stderr)[-4000:]]
        raise Failed(f"pytest ended with code {done.returncode}\n" + "\n".join(texts), facts)
    if not facts["passed"]:
        raise Skipped("; ".join(facts["reasons"]))
    return facts


def counts(report: str) -> dict[str, Any]:
    """Numbers of tests, reasons for skips, and (name, text) of the faults in pytest's XML."""
    tests = list(ElementTree.fromstring(report).iter("testcase"))
    skips = [skip for test in tests for skip in test.findall("skipped")]
    faults = [
        (f"{test.get('classname')}::{test.get('name')}", ((fault.text or "") + (fault.get("message") or ""))[-1500:])
        for test in tests
        for fault in (*test.findall("failure"), *test.findall("error"))
    ]
    return {
        "passed": len(tests) - len(skips) - len(faults),
        "skipped": len(skips),
        "failed": len(faults),
        "reasons": sorted({str(skip.get("message")) for skip in skips}),
        "faults": faults,
    }


STEP = Step("suite", "the test suite with --device cuda", __name__, cases, limit=300, at_once=6, alone=True)
