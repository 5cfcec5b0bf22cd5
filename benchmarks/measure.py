"""Timing: warm-up, then rounds in which the places take turns, so that a busy moment hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gpunn import backend, kernels

from .accuracy import error, tensors
from .case import EXACT, Case, Place

ROUNDS = 5
MOST = 10  # a place gets at most this many times the seconds asked for, once it has MOST_ROUNDS
MOST_ROUNDS = 2


@dataclass(frozen=True)
class Timing:
    """Seconds for one run: the median, and the 20th and 80th percentile; how many runs were timed.

    `enqueue`: the median seconds until the call has returned, when a GPU may still be at work.
    """

    median: float
    low: float
    high: float
    runs: int
    enqueue: float = 0.0

    @staticmethod
    def of(seconds: list[float], runs_each: int = 1, enqueues: list[float] | None = None) -> Timing:
        """The summary of times for one run, each the mean over `runs_each`."""
        ordered = sorted(seconds)
        last = len(ordered) - 1
        low, high = ordered[round(0.2 * last)], ordered[round(0.8 * last)]
        enqueue = statistics.median(enqueues) if enqueues else 0.0
        return Timing(statistics.median(ordered), low, high, len(ordered) * runs_each, enqueue)


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
    """The times of `case` in each place, about `seconds` each, and how far each is from float64."""
    result = Result(case)
    exact = _exact(case) if accuracy and places else None
    runners: dict[str, Callable[[int], tuple[float, float]]] = {}
    for place in places:
        if _has(case, place):
            try:
                runners[place.name] = _prepare(case, _placed(place, case), result, exact, cold)
            except Exception as fault:  # the other places are still worth their times
                result.faults[place.name] = f"{type(fault).__name__}: {fault}"
    inner = {name: _warm_up(run, seconds) for name, run in runners.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    spent = dict.fromkeys(runners, 0.0)
    for i in range(ROUNDS):
        for name, run in runners.items():
            if i >= MOST_ROUNDS and spent[name] >= MOST * seconds > 0:
                continue
            begin = time.perf_counter()
            while True:
                times[name].append(run(inner[name]))
                if time.perf_counter() >= begin + seconds / ROUNDS:
                    break
            spent[name] += time.perf_counter() - begin
    for name, values in times.items():
        result.times[name] = Timing.of([v for v, _ in values], inner[name], [e for _, e in values])
    return result


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
    if place.device == "cuda" and place.is_gpunn and backend.installed_cuda() is not None:
        raise RuntimeError("the emulator plays the GPU: what it takes is no figure of a GPU")
    return not (
        (case.calls and not place.is_gpunn)
        or (case.large and place.device == "cpu")
        or (place.strong and not case.strong)
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


def _prepare(
    case: Case, place: Place, result: Result, exact: list[Any] | None, cold: bool
) -> Callable[[int], tuple[float, float]]:
    """Make the case in `place`, run it once, and note what that tells; the function that times it."""
    made = case.make(place)
    fed = list(place.fed)
    is_gpu = place.device == "cuda" and place.is_gpunn
    with _Recorder(result.launches) if is_gpu else _Nothing():
        answer = tensors(_once(made))
    if exact and len(answer) == len(exact):
        result.errors[place.name] = error(answer, exact)
    if is_gpu:
        result.transfers = _transfers(place, fed, answer)
    return _runner(_chilled(made, place) if cold else made, place)


class _Nothing:
    def __enter__(self) -> None:
        """Record nothing."""

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""


class _Recorder:
    """Notes the kernels that are launched, with the types and constants they are built for."""

    def __init__(self, found: dict[str, int]) -> None:
        self.found = found

    def __enter__(self) -> None:
        self.launch = launch = kernels.launch

        def recorded(file: str, kernel: str, threads: int, args: Any, *rest: Any, **named: Any) -> None:
            constants = named.get("constants") or (rest[0] if rest else {})
            words = dict.fromkeys(str(a.dtype) for a in args if backend.is_cuda(a))
            words |= dict.fromkeys(f"{key}={value}" for key, value in constants.items())
            label = f"{file}.{kernel} <{', '.join(words)}> {threads} threads"
            self.found[label] = self.found.get(label, 0) + 1
            launch(file, kernel, threads, args, *rest, **named)

        kernels.launch = recorded

    def __exit__(self, *exc: object) -> None:
        kernels.launch = self.launch


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
    """The case with caches that hold nothing of it: 256 MB are written before each run."""
    prepare, timed = made if isinstance(made, tuple) else (lambda: None, lambda _: made())
    other = place.lib.zeros(1 << 26, device=place.device)

    def prepare_cold() -> Any:
        prepared = prepare()
        other.add_(1)
        return prepared

    return prepare_cold, timed


def _runner(made: Any, place: Place) -> Callable[[int], tuple[float, float]]:
    """A function that runs the case n times and returns the seconds for one, and those until the call returned."""
    if not isinstance(made, tuple):

        def run(n: int) -> tuple[float, float]:
            start = time.perf_counter()
            for _ in range(n):
                made()
            returned = time.perf_counter()
            place.synchronize()
            return (time.perf_counter() - start) / n, (returned - start) / n

        return run
    prepare, timed = made

    def run_prepared(n: int) -> tuple[float, float]:
        total = enqueue = 0.0
        for _ in range(n):
            prepared = prepare()
            place.synchronize()
            start = time.perf_counter()
            timed(prepared)
            returned = time.perf_counter()
            place.synchronize()
            total += time.perf_counter() - start
            enqueue += returned - start
        return total / n, enqueue / n

    return run_prepared


def _warm_up(run: Callable[[int], tuple[float, float]], seconds: float) -> int:
    """Run until warm; returns how many runs to time together, so that the clock does not matter (≥ 0.1 ms)."""
    first, _ = run(1)
    last = first
    for _ in range(3 if first < max(seconds, 0.1) else 0):
        last, _ = run(1)
    return max(1, round(1e-4 / max(last, 1e-7)))
