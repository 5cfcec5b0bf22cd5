"""Timing: warm-up, then rounds in which the places take turns, so that a busy moment hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gpunn

from .case import Case, Place

ROUNDS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds for one run: the median, and the 20th and 80th percentile; how many runs were timed."""

    median: float
    low: float
    high: float
    runs: int

    @staticmethod
    def of(seconds: list[float], runs_each: int = 1) -> Timing:
        """The summary of times for one run, each the mean over `runs_each`."""
        ordered = sorted(seconds)
        last = len(ordered) - 1
        return Timing(
            statistics.median(ordered), ordered[round(0.2 * last)], ordered[round(0.8 * last)], len(ordered) * runs_each
        )


def measure(case: Case, places: list[Place], seconds: float) -> dict[str, Timing]:
    """The times of `case` in each place, about `seconds` each."""
    runners = {place.name: _runner(case.make(place), place) for place in places if place.lib is gpunn or not case.calls}
    inner = {name: _warm_up(run) for name, run in runners.items()}
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            end = time.perf_counter() + seconds / ROUNDS
            while True:
                times[name].append(run(inner[name]))
                if time.perf_counter() >= end:
                    break
    return {name: Timing.of(values, inner[name]) for name, values in times.items()}


def _runner(made: Any, place: Place) -> Callable[[int], float]:
    """A function that runs the case n times and returns the seconds for one."""
    if not isinstance(made, tuple):

        def run(n: int) -> float:
            start = time.perf_counter()
            for _ in range(n):
                made()
            place.synchronize()
            return (time.perf_counter() - start) / n

        return run
    prepare, timed = made

    def run_prepared(n: int) -> float:
        total = 0.0
        for _ in range(n):
            prepared = prepare()
            place.synchronize()
            start = time.perf_counter()
            timed(prepared)
            place.synchronize()
            total += time.perf_counter() - start
        return total / n

    return run_prepared


def _warm_up(run: Callable[[int], float]) -> int:
    """Run until warm; returns how many runs to time together, so that the clock does not matter (≥ 0.1 ms)."""
    run(1)
    for _ in range(3):
        seconds = run(1)
    return max(1, round(1e-4 / max(seconds, 1e-7)))
