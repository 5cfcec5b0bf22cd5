"""Counts of the oracle's checks: per test while it runs, then over the whole run, also across processes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

SHOWN = 8  # failures in a test's message
FACTS = ("family", "name", "check", "total", "passed", "skipped", "missing")
_results: list[dict[str, Any]] = []


class Tally:
    """The checks of one test. Leaving the `with` block reports the counts, and fails if a check did."""

    def __init__(self, node: pytest.Item) -> None:
        self.node = node
        self.family = self.name = self.check = ""
        self.total = self.passed = self.skipped = 0
        self.missing = False
        self.failures: list[str] = []

    def about(self, family: str, name: str, check: str) -> Tally:
        self.family, self.name, self.check = family, name, check
        return self

    def add(self, wrong: str | None, sample: str = "") -> None:
        """One check, which went wrong or (None) passed."""
        self.total += 1
        self.missing = self.missing or (wrong or "").startswith("missing")
        if wrong is None:
            self.passed += 1
        else:
            self.failures.append(f"{sample}: {wrong}" if sample else wrong)

    def __enter__(self) -> Tally:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            self.add(f"{kind.__name__}: {error}")
        facts = {k: getattr(self, k) for k in FACTS}
        facts["failures"] = self.failures[:SHOWN]
        self.node.user_properties.append(("oracle", facts))
        if kind is None and self.failures:
            more = f"\n... and {len(self.failures) - SHOWN} more" if len(self.failures) > SHOWN else ""
            pytest.fail(
                f"{len(self.failures)} of {self.total} checks failed\n" + "\n".join(facts["failures"]) + more,
                pytrace=False,
            )


def collect(report: pytest.TestReport) -> None:
    """Remember what a test counted."""
    if report.when == "call":
        _results.extend(facts for key, facts in report.user_properties if key == "oracle")


def summarise(terminal: Any, path: Path) -> None:
    """Print the totals and the failing operations by family; write all counts to `path` as JSON."""
    if not _results:
        return
    total, passed = sum(r["total"] for r in _results), sum(r["passed"] for r in _results)
    terminal.section("PyTorch's databases on gpunn")
    missing = sorted({r["name"] for r in _results if r["missing"]})
    failing: dict[str, Counter[str]] = defaultdict(Counter)
    checks: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for r in _results:
        checks[r["check"]][0] += r["passed"]
        checks[r["check"]][1] += r["total"]
        if r["passed"] < r["total"] and r["name"] not in missing:
            failing[r["family"]][r["name"]] += r["total"] - r["passed"]
    for check, (good, all_of_them) in sorted(checks.items()):
        terminal.line(f"  {check:<12}{good:>8,} of {all_of_them:>8,} passed")
    terminal.line(f"  {'all':<12}{passed:>8,} of {total:>8,} passed")
    if missing:
        terminal.line(f"missing names ({len(missing)}): {' '.join(missing)}")
    for family, names in failing.items():
        terminal.line(f"failing, {family}: " + ", ".join(f"{n} {k}" for n, k in names.most_common()))
    path.parent.mkdir(exist_ok=True)
    facts = {"passed": passed, "total": total, "missing": missing, "tests": _results}
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")
