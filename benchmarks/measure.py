"""Timing: warm-up, then rounds in which the places take turns, so that a busy moment hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from .accuracy import error, tensors
from .case import EMULATED, EXACT, Case, Place, is_emulated
from .clock import Runner, Sample, runner
from .launches import recorded_launches

ROUNDS = 5
MOST = 10  # a place gets at most this many times the seconds asked for, once it has MOST_ROUNDS
MOST_ROUNDS = 2
TOGETHER = {"cpu": 1e-4, "cuda": 1e-3}  # seconds of runs that are timed together, so that clocks do not matter
CACHE = 1 << 28  # bytes that are written to drive other data out of the caches


@dataclass(frozen=True)
class Timing:
    """Seconds for one run: the median, and the 20th and 80th percentile; how many runs were timed.

    `enqueue`: the median seconds until the call has returned, when a GPU may still be at work; `cpu`: of the
    process's CPU time, which is less than the time of a run on a CPU if other processes had the CPU meanwhile.
    """

    median: float
    low: float
    high: float
    runs: int
    enqueue: float = 0.0
    cpu: float = 0.0

    @staticmethod
    def of(samples: list[Sample], runs_each: int = 1) -> Timing:
        """The summary of samples, each the mean over `runs_each` runs."""
        ordered = sorted(s.seconds for s in samples)
        last = len(ordered) - 1
        low, high = ordered[round(0.2 * last)], ordered[round(0.8 * last)]
        enqueue, cpu = [statistics.median(part) for part in list(zip(*samples, strict=True))[1:]]
        return Timing(statistics.median(ordered), low, high, len(ordered) * runs_each, enqueue, cpu)


@dataclass
class Result:
    """What is known of a case: by place its times, its largest error, what failed; of the GPU transfers and kernels."""

    case: Case
    times: dict[str, Timing] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    transfers: tuple[float, float] | None = None  # seconds to bring the input to the GPU, and the output back
    launches: dict[str, int] = field(default_factory=dict)  # kernels of one run, with their configuration
    sweep: dict[str, dict[int, float]] = field(default_factory=dict)  # by place and batch: seconds


def measure(case: Case, places: list[Place], seconds: float, accuracy: bool = True, cold: bool = False) -> Result:
    """The times of `case` in each place, about `seconds` each, and how far each is from float64.

    A place where the case fails gets no time, and its reason is among the faults.
    """
    result = Result(case)
    there = [place for place in places if _has(case, place)]
    for place in there:
        place.forget_compiled()
    exact = None
    with _Contest("float64").faults_noted(result):
        exact = _exact(case) if accuracy and there else None
    contests = []
    for place in there:
        contest = _Contest(place.name)
        contests.append(contest)
        with contest.faults_noted(result):
            contest.run = _prepare(case, _placed(place, case), result, exact, cold)
            contest.inner = _warm_up(contest.run, seconds, place)
    for i in range(ROUNDS):
        for contest in contests:
            if contest.run is not None and (i < MOST_ROUNDS or contest.spent < MOST * seconds or seconds == 0):
                with contest.faults_noted(result):
                    contest.play(seconds / ROUNDS)
    for contest in contests:
        if contest.run is not None:
            result.times[contest.name] = Timing.of(contest.samples, contest.inner)
    return result


class _Contest:
    """One place's part in a measurement: how to run there, and its samples so far. No `run` once it has failed."""

    def __init__(self, name: str) -> None:
        self.name, self.inner, self.spent = name, 1, 0.0
        self.run: Runner | None = None
        self.samples: list[Sample] = []

    @contextmanager
    def faults_noted(self, result: Result) -> Iterator[None]:
        """Whatever fails in here ends this place's part only: the others are still worth their times."""
        try:
            yield
        except Exception as fault:
            result.faults[self.name] = f"{type(fault).__name__}: {fault}"
            self.run = None

    def play(self, seconds: float) -> None:
        """Take samples until the time is up, one at least."""
        if self.run is None:
            return
        begin = time.perf_counter()
        while True:
            self.samples.append(self.run(self.inner))
            if time.perf_counter() >= begin + seconds:
                break
        self.spent += time.perf_counter() - begin


def sweep(case: Case, places: list[Place], batches: list[int], seconds: float) -> dict[str, dict[int, float]]:
    """Seconds for one run by place and batch; a place drops out at the batch that takes it more than a second."""
    found: dict[str, dict[int, float]] = {place.name: {} for place in places}
    if case.sweep is None:
        return {}
    there = [place for place in places if _has(case, place)]
    for batch in batches:
        one = replace(case.sweep(batch), dtype=case.dtype, layout=case.layout)
        times = measure(one, there, seconds, accuracy=False).times
        for name, timing in times.items():
            found[name][batch] = timing.median
        there = [place for place in there if place.name in times and times[place.name].median < 1]
    return {name: by_batch for name, by_batch in found.items() if by_batch}


def _has(case: Case, place: Place) -> bool:
    """Whether `place` can run the case and it makes sense there."""
    if place.device == "cuda" and place.is_gpunn and is_emulated():
        raise RuntimeError(EMULATED)
    return not (
        (case.calls and place.name != "cpu")
        or (case.large and place.device == "cpu")
        or (place.strong and not case.is_model)
        or (place.captured and not case.is_step)
    )


def _placed(place: Place, case: Case) -> Place:
    return replace(place, dtype=case.dtype, layout=case.layout, fed=[])


def _exact(case: Case) -> list[Any] | None:
    """What the case gives in float64; None if that says nothing, or takes too long."""
    if case.random or case.calls or case.large:
        return None
    return tensors(_once(case.make(_placed(EXACT, case))))


def _once(made: Any) -> Any:
    """What one run of a case gives."""
    if not isinstance(made, tuple):
        return made()
    prepare, timed = made
    return timed(prepare())


def _prepare(case: Case, place: Place, result: Result, exact: list[Any] | None, cold: bool) -> Runner:
    """Make the case in `place`, run it once, and note what that tells; the function that times it."""
    made = case.make(place)
    fed = list(place.fed)
    is_eager_gpu = place.name == "cuda"
    with recorded_launches(result.launches) if is_eager_gpu else nullcontext():
        answer = tensors(_once(made))
    if exact and len(answer) == len(exact):
        result.errors[place.name] = error(answer, exact)
    if is_eager_gpu:
        result.transfers = _transfers(place, fed, answer)
    return runner(_chilled(made, place) if cold else made, place)


def _transfers(place: Place, fed: list[Any], answer: list[Any]) -> tuple[float, float]:
    """Seconds to bring what the case reads to the GPU, and what it gives back: medians of five."""
    host = [x.detach().cpu() for x in fed]
    there, back = [], []
    for _ in range(5):
        place.synchronize()
        start = time.perf_counter()
        moved = [x.to(place.device) for x in host]
        place.synchronize()
        middle = time.perf_counter()
        for x in answer:
            x.cpu()
        back.append(time.perf_counter() - middle)
        there.append(middle - start)
        del moved
    return statistics.median(there), statistics.median(back)


def _chilled(made: Any, place: Place) -> Any:
    """The case with caches that hold nothing of it: other memory is written before each run."""
    prepare, timed = made if isinstance(made, tuple) else (lambda: None, lambda _: made())
    other = place.lib.zeros(CACHE // 4, device=place.device)

    def prepare_cold() -> Any:
        prepared = prepare()
        other.add_(1)
        return prepared

    return prepare_cold, timed


def _warm_up(run: Runner, seconds: float, place: Place) -> int:
    """Run until warm; returns how many runs to time together.

    Steps are recorded in their third run, compilers are done after two or three: only what is slow, and has no such
    thing, is not run again.
    """
    last = run(1).seconds
    for _ in range(3 if place.captured or place.strong or last < max(seconds, 0.1) else 0):
        last = run(1).seconds
    return max(1, round(TOGETHER[place.device] / max(last, 1e-7)))
