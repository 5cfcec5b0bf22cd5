"""Statistics of times, and what is inside a time: only the run, with what it started on the device."""

from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import gpunn
from benchmarks import measure as module
from benchmarks.case import Case, Place
from benchmarks.measure import ROUNDS, Timing, measure, sweep
from gpunn import emulator, kernels
from tests.benchmarks.played import Clock, PlayedGpu, PlayedTensor

CPU = Place("cpu", gpunn, "cpu")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch, module)


class Queue(Place):
    """A place whose device has `pending` seconds of work before it, which only `synchronize` waits for."""

    pending: ClassVar = []

    def synchronize(self):
        while self.pending:
            self.lib.work(self.pending.pop())


def place(name, clock):
    return Queue(name, clock, "cpu")


def times(case, places, seconds):
    return measure(case, places, seconds, accuracy=False).times


def timing(seconds, runs, enqueue=None):
    return Timing(seconds, seconds, seconds, runs, seconds if enqueue is None else enqueue)


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
    assert Timing.of([1.0, 2.0, 3.0], 4, [0.5, 1.0, 9.0]) == Timing(2.0, 1.0, 3.0, 12, 1.0)


def test_a_run_takes_as_long_as_it_takes(clock):
    case = Case("work", lambda place: lambda: clock.work(0.25))
    assert times(case, [place("cpu", clock)], seconds=5.0) == {"cpu": timing(0.25, 20)}


def test_waiting_for_the_device_is_part_of_the_time_but_not_of_the_call(clock):
    def run(place):
        place.pending.append(0.5)
        clock.work(0.125)

    case = Case("work", lambda place: lambda: run(place))
    assert times(case, [place("cuda", clock)], 0.0)["cuda"] == timing(0.625, ROUNDS, enqueue=0.125)


def test_preparation_is_not_timed_and_its_result_is_handed_on(clock):
    handed = []

    def prepare():
        clock.work(16.0)
        return len(handed)

    def run(prepared):
        handed.append(prepared)
        clock.work(0.25)

    found = times(Case("work", lambda place: (prepare, run)), [place("cpu", clock)], 0.0)
    assert found == {"cpu": timing(0.25, ROUNDS)}
    assert handed == list(range(len(handed)))


def test_preparation_on_the_device_is_over_before_the_clock_starts(clock):
    def make(place):
        return lambda: place.pending.append(16.0), lambda prepared: place.pending.append(0.5)

    assert times(Case("work", make), [place("cuda", clock)], 0.0)["cuda"].median == 0.5


def test_short_runs_are_timed_together(clock):
    found = times(Case("work", lambda place: lambda: clock.work(2**-16)), [place("cpu", clock)], 0.0)
    each = round(1e-4 * 2**16)
    assert each > 1 and found == {"cpu": timing(2**-16, ROUNDS * each)}


def test_places_take_turns(clock):
    order = []

    def make(where):
        def run():
            order.append(where.name)
            clock.work(0.01)

        return run

    times(Case("work", make), [place("cpu", clock), place("torch", clock)], 0.0)
    assert order[-2 * ROUNDS :] == ["cpu", "torch"] * ROUNDS
    assert order[: -2 * ROUNDS] == ["cpu", "torch"] + ["cpu"] * 4 + ["torch"] * 4  # a first run each, then warm-up


def test_what_takes_long_is_run_a_few_times_only(clock):
    runs = []

    def run():
        runs.append(None)
        clock.work(100.0)

    found = times(Case("work", lambda place: run), [place("cpu", clock)], 1.0)
    assert found == {"cpu": timing(100.0, 2)} and len(runs) == 4  # the first, one to warm up, two rounds


def test_no_place_no_time():
    assert measure(Case("work", lambda place: 1 / 0), [], 1.0).times == {}


def test_a_place_that_fails_does_not_stop_the_others(clock):
    def make(where):
        if where.name == "torch":
            raise NotImplementedError("no such thing")
        return lambda: clock.work(0.25)

    result = measure(Case("work", make), [place("cpu", clock), place("torch", clock)], 0.0, accuracy=False)
    assert list(result.times) == ["cpu"] and result.faults == {"torch": "NotImplementedError: no such thing"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["cpu", "torch", "cuda"]),
        ({"calls": 3}, ["cpu"]),
        ({"large": True}, ["cuda"]),
        ({"strong": True}, ["cpu", "torch", "torch-strong", "cuda"]),
    ],
)
def test_cases_run_where_they_make_sense(monkeypatch, options, names):
    gpu = PlayedGpu(monkeypatch, module)
    where = [CPU, Place("torch", gpu, "cpu"), Place("torch-strong", gpu, "cpu", strong=True), gpu.place()]
    case = Case("work", lambda place: lambda: gpu.work(0.25), **options)
    assert list(times(case, where, 0.0)) == names


def test_the_emulator_gives_no_figure():
    case = Case("work", lambda place: lambda: None)
    with emulator.enable(), pytest.raises(RuntimeError, match="no figure of a GPU"):
        measure(case, [Place("cuda", gpunn, "cuda")], 0.0)


def test_the_error_is_against_float64_of_the_same_numbers():
    def make(place):
        x = place.random(1000)
        return lambda: x.sum() + (1e-3 if place.name == "cpu" else 0)

    exact = np.random.default_rng(1000).standard_normal(1000, np.float32).astype(np.float64).sum()
    (found,) = measure(Case("sum", make), [CPU], 0.0).errors.values()
    assert found == pytest.approx(1e-3 / abs(exact), rel=1e-2)


@pytest.mark.parametrize("options", [{"random": True}, {"calls": 1}])
def test_no_error_where_it_says_nothing(options):
    case = Case("ones", lambda place: lambda: place.tensor(np.ones(1)), **options)
    assert measure(case, [CPU], 0.0).errors == {}


def test_the_reference_rounds_its_numbers_to_the_type_of_the_case():
    case = Case("copy", lambda place: lambda: place.random(1000), dtype="bfloat16")
    assert measure(case, [CPU], 0.0).errors == {"cpu": 0.0}


def test_cold_runs_drive_the_data_out_before_each_run(monkeypatch, clock):
    sizes = []

    class Zeros:
        def add_(self, n):
            clock.work(16.0)

    def zeros(size, device):
        sizes.append(size)
        return Zeros()

    clock.zeros = zeros
    result = measure(Case("work", lambda place: lambda: clock.work(0.25)), [place("cpu", clock)], 0.0, False, cold=True)
    assert result.times == {"cpu": timing(0.25, ROUNDS)} and sizes == [1 << 26]


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that is played as gpunn's."""
    played = PlayedGpu(monkeypatch, module)
    monkeypatch.setattr(Place, "is_gpunn", property(lambda self: True))
    return played


def test_transfers_and_kernels_of_the_gpu(monkeypatch, gpu):
    launched = []
    monkeypatch.setattr(kernels, "launch", lambda *args, **named: launched.append(args))
    gpu.in_seconds, gpu.out_seconds = 0.5, 0.125
    array = SimpleNamespace(dtype="float32")
    monkeypatch.setattr(module.backend, "is_cuda", lambda x: x is array)

    def make(place):
        a, b = place.tensor(np.ones(3)), place.tensor(np.ones(3))

        def run():
            for _ in range(2):
                kernels.launch("pool/max", "forward", 64, (array, 7), {"BM": 128})
            kernels.launch("softmax", "rows", 32, (array,), constants={})
            gpu.busy += 0.25
            return a, b

        return run

    result = measure(Case("work", make), [gpu.place()], 0.0, accuracy=False)
    assert result.transfers == (1.0, 0.25)  # two tensors each
    assert result.launches == {
        "pool/max.forward <float32, BM=128> 64 threads": 2,
        "softmax.rows <float32> 32 threads": 1,
    }
    assert result.times["cuda"].median == 0.25 and result.times["cuda"].enqueue == 0
    assert len(launched) == 3 * (2 + ROUNDS)  # the recorder, gone after the first run, lets them through
    assert isinstance(PlayedTensor(gpu, (1,)).detach(), PlayedTensor)


def test_a_sweep_times_each_batch_until_a_place_is_too_slow(clock):
    def at(batch):
        def make(place):
            assert place.dtype == "float64"
            return lambda: clock.work(batch * (1.0 if place.name == "cpu" else 0.25))

        return Case(f"work/{batch}", make)

    case = replace(at(1), sweep=at, dtype="float64")
    found = sweep(case, [place("cpu", clock), place("torch", clock)], [1, 2, 4, 8], 0.0)
    assert found == {"cpu": {1: 1.0}, "torch": {1: 0.25, 2: 0.5, 4: 1.0}}


def test_without_batches_no_sweep(clock):
    assert sweep(Case("work", lambda place: lambda: None), [place("cpu", clock)], [1], 0.0) == {}
