"""How long a run takes: by the clock of the host on a CPU, between two events of the stream on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .case import Place


class Sample(NamedTuple):
    """Seconds of one run: until its work was done, until the call returned, and of the process's CPU time."""

    seconds: float
    enqueue: float
    cpu: float


Runner = Callable[[int], Sample]


def runner(made: Any, place: Place) -> Runner:
    """A function that runs a case n times, one after the other, and returns the sample of one.

    `made` is what `Case.make` gives: a function, or one that prepares and one that is timed. Without preparation the
    n runs follow each other without waiting for the device, as in training.
    """
    watch = _Watch(place)
    if not isinstance(made, tuple):
        return lambda n: _each(watch.measure(lambda: _repeat(made, n)), n)
    prepare, timed = made

    def run(n: int) -> Sample:
        samples = []
        for _ in range(n):
            prepared = prepare()
            samples.append(watch.measure(lambda prepared=prepared: timed(prepared)))  # type: ignore[misc]
        return _each(Sample(*map(sum, zip(*samples, strict=True))), n)

    return run


def _repeat(call: Callable[[], Any], n: int) -> None:
    for _ in range(n):
        call()


def _each(total: Sample, n: int) -> Sample:
    return Sample(total.seconds / n, total.enqueue / n, total.cpu / n)


class _Watch:
    """Times work of a place. On a GPU two events of the current stream do, so that waiting costs nothing."""

    def __init__(self, place: Place) -> None:
        self._place = place
        event = place.lib.cuda.Event if place.device == "cuda" else None
        self._events = (event(enable_timing=True), event(enable_timing=True)) if event else None

    def measure(self, work: Callable[[], Any]) -> Sample:
        """Wait until the device is idle, and time `work` until the device is idle again."""
        self._place.synchronize()
        cpu, start = time.process_time(), time.perf_counter()
        if self._events is None:
            work()
            returned = time.perf_counter()
            seconds = returned - start
        else:
            first, last = self._events
            first.record()
            work()
            last.record()
            returned = time.perf_counter()
            self._place.synchronize()
            seconds = first.elapsed_time(last) / 1e3
        took = time.process_time() - cpu
        return Sample(took, took, took) if self._place.cpu_time else Sample(seconds, returned - start, took)
