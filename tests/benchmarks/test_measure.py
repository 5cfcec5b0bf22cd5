"""Statistics of times, and what is inside a time: only the run, with what it started on the device."""

from typing import ClassVar

import pytest

from benchmarks import measure
from benchmarks.case import Case, Place
from benchmarks.measure import Timing


class Clock:
    """Plays time.perf_counter; work takes as long as it says."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(measure.time, "perf_counter", lambda: self.now)

    def work(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class Queue(Place):
    """A place whose device has `pending` seconds of work before it, which only `synchronize` waits for."""

    pending: ClassVar = []

    def synchronize(self):
        while self.pending:
            self.lib.work(self.pending.pop())


def place(name, clock):
    return Queue(name, clock, "cpu")


@pytest.mark.parametrize(
    ("seconds", "median", "low", "high"),
    [
        ([3.0], 3.0, 3.0, 3.0),
        ([2.0, 1.0], 1.5, 1.0, 2.0),
        ([5.0, 1.0, 4.0, 2.0, 3.0], 3.0, 2.0, 4.0),
        ([float(n) for n in range(100, -1, -1)], 50.0, 20.0, 80.0),
        ([1.0] * 9 + [100.0], 1.0, 1.0, 1.0),
    ],
)
def test_median_and_percentiles(seconds, median, low, high):
    assert Timing.of(seconds) == Timing(median, low, high, len(seconds))


def test_runs_that_are_timed_together_all_count():
    assert Timing.of([1.0, 2.0, 3.0], 4) == Timing(2.0, 1.0, 3.0, 12)


def test_a_run_takes_as_long_as_it_takes(clock):
    case = Case("work", lambda place: lambda: clock.work(0.25))
    found = measure.measure(case, [place("cpu", clock)], seconds=5.0)
    assert found == {"cpu": Timing(0.25, 0.25, 0.25, 20)}


def test_waiting_for_the_device_is_part_of_the_time(clock):
    case = Case("work", lambda place: lambda: place.pending.append(0.5))
    assert measure.measure(case, [place("cuda", clock)], 0.0)["cuda"].median == 0.5


def test_preparation_is_not_timed_and_its_result_is_handed_on(clock):
    handed = []

    def prepare():
        clock.work(16.0)
        return len(handed)

    def run(prepared):
        handed.append(prepared)
        clock.work(0.25)

    found = measure.measure(Case("work", lambda place: (prepare, run)), [place("cpu", clock)], 0.0)
    assert found == {"cpu": Timing(0.25, 0.25, 0.25, measure.ROUNDS)}
    assert handed == list(range(len(handed)))


def test_preparation_on_the_device_is_over_before_the_clock_starts(clock):
    def make(place):
        return lambda: place.pending.append(16.0), lambda prepared: place.pending.append(0.5)

    assert measure.measure(Case("work", make), [place("cuda", clock)], 0.0)["cuda"].median == 0.5


def test_short_runs_are_timed_together(clock):
    found = measure.measure(Case("work", lambda place: lambda: clock.work(2**-16)), [place("cpu", clock)], 0.0)
    each = round(1e-4 * 2**16)
    assert each > 1 and found == {"cpu": Timing(2**-16, 2**-16, 2**-16, measure.ROUNDS * each)}


def test_places_take_turns(clock):
    order = []

    def make(where):
        def run():
            order.append(where.name)
            clock.work(1.0)

        return run

    measure.measure(Case("work", make), [place("cpu", clock), place("torch", clock)], 0.0)
    assert order[-2 * measure.ROUNDS :] == ["cpu", "torch"] * measure.ROUNDS
    assert order[: -2 * measure.ROUNDS] == ["cpu"] * 4 + ["torch"] * 4  # warm-up


def test_no_place_no_time():
    assert measure.measure(Case("work", lambda place: 1 / 0), [], 1.0) == {}
