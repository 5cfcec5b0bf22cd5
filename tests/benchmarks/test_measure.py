"""Statistics of times, turns, warm-up, errors against float64, what the GPU tells."""

from dataclasses import replace

import numpy as np
import pytest

import gpunn
from benchmarks.case import Case, Place
from benchmarks.clock import Sample
from benchmarks.measure import ROUNDS, Timing, measure, sweep
from gpunn import emulator, kernels
from tests.benchmarks.played import Clock, PlayedGpu

CPU = Place("cpu", gpunn, "cpu")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def place(name, clock):
    return Place(name, clock, "cpu")


def times(case, places, seconds):
    return measure(case, places, seconds, accuracy=False).times


def timing(seconds, runs, enqueue=None):
    enqueue = seconds if enqueue is None else enqueue
    return Timing(seconds, seconds, seconds, runs, enqueue, cpu=seconds)


def samples(seconds, enqueues=None, cpu=0.0):
    return [Sample(s, e, cpu) for s, e in zip(seconds, enqueues or seconds, strict=True)]


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
    assert Timing.of(samples(seconds)) == Timing(median, low, high, len(seconds), enqueue=median)


def test_runs_that_are_timed_together_all_count():
    found = samples([1.0, 2.0, 3.0], [0.5, 1.0, 9.0], cpu=0.25)
    assert Timing.of(found, 4) == Timing(2.0, 1.0, 3.0, 12, enqueue=1.0, cpu=0.25)


def test_a_run_takes_as_long_as_it_takes(clock):
    case = Case("work", lambda place: lambda: clock.work(0.25))
    assert times(case, [place("cpu", clock)], seconds=5.0) == {"cpu": timing(0.25, 20)}


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
    assert order[: -2 * ROUNDS] == ["cpu"] * 5 + ["torch"] * 5  # a first run, and four to warm up


@pytest.mark.parametrize(("options", "runs"), [({}, 1), ({"captured": True}, 4), ({"strong": True}, 4)])
def test_what_is_compiled_or_recorded_warms_up_also_if_it_is_slow(monkeypatch, options, runs):
    gpu, done = PlayedGpu(monkeypatch), []

    def run():
        done.append(None)
        gpu.queue(100.0)

    case = Case("work", lambda place: run, is_model=True, is_step=True)
    times(case, [gpu.place("gpu", **options)], 1.0)
    assert len(done) == 1 + runs + 2  # the first one, warm-up, two rounds


def test_what_was_compiled_for_other_cases_is_dropped_before_any_place_compiles(clock):
    resets = []

    def make(where):
        resets.append(clock.resets)
        return lambda: clock.work(0.01)

    strong = [replace(place(name, clock), strong=name != "torch") for name in ("torch", "a", "b")]
    times(Case("work", make, is_model=True), strong, 0.0)
    assert resets == [2, 2, 2]


def test_runs_of_a_gpu_fill_a_millisecond(monkeypatch):
    gpu = PlayedGpu(monkeypatch)
    case = Case("work", lambda place: lambda: gpu.queue(2**-16))
    assert times(case, [gpu.place("gpu")], 0.0)["gpu"].runs == ROUNDS * round(1e-3 * 2**16)


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


@pytest.mark.parametrize("good", [1, 5, 7])  # in the warm-up, in the first round and in the third
def test_a_place_that_fails_later_gives_no_time(clock, good):
    left = [good]

    def make(where):
        def run():
            left[0] -= where.name == "torch"
            if where.name == "torch" and left[0] < 0:
                raise RuntimeError("overwritten")
            clock.work(0.01)

        return run

    result = measure(Case("work", make), [place("torch", clock), place("cpu", clock)], 0.0, accuracy=False)
    assert list(result.times) == ["cpu"] and result.faults == {"torch": "RuntimeError: overwritten"}


def test_a_reference_that_fails_is_a_fault():
    def make(where):
        if where.exact:
            raise TypeError("no float64")
        return lambda: None

    result = measure(Case("work", make), [CPU], 0.0)
    assert list(result.times) == ["cpu"] and result.faults == {"float64": "TypeError: no float64"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["cpu", "torch", "cuda"]),
        ({"calls": 3}, ["cpu"]),
        ({"large": True}, ["cuda"]),
        ({"is_model": True}, ["cpu", "torch", "torch-strong", "cuda"]),
        ({"is_step": True}, ["cpu", "torch", "cuda", "cuda-captured"]),
    ],
)
def test_cases_run_where_they_make_sense(monkeypatch, options, names):
    gpu = PlayedGpu(monkeypatch)
    where = [CPU, Place("torch", gpu, "cpu"), Place("torch-strong", gpu, "cpu", strong=True)]
    where += [gpu.place(), gpu.place("cuda-captured", captured=True)]
    case = Case("work", lambda place: lambda: gpu.work(0.25), **options)
    assert list(times(case, where, 0.0)) == names


def test_the_emulator_gives_no_figure():
    case = Case("work", lambda place: lambda: None)
    with emulator.enable(), pytest.raises(RuntimeError, match="say nothing of a GPU"):
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


def test_transfers_and_kernels_of_the_gpu(monkeypatch):
    gpu, launched = PlayedGpu(monkeypatch), []
    monkeypatch.setattr(kernels, "launch", lambda *args, **named: launched.append(args))
    gpu.in_seconds, gpu.out_seconds = 0.5, 0.125

    def make(place):
        a, b = place.tensor(np.ones(3)), place.tensor(np.ones(3))

        def run():
            kernels.launch("softmax", "rows", 512, (7,), {"BLOCK": 512})
            gpu.queue(0.25)
            return a, b

        return run

    case = Case("work", make, is_step=True)
    result = measure(case, [gpu.place(), gpu.place("cuda-captured", captured=True)], 0.0, accuracy=False)
    assert result.transfers == (1.0, 0.25)  # two tensors each
    assert result.launches == {"softmax.rows <> 1 x 512": 1}  # of one run, of the eager place
    assert result.times == {name: timing(0.25, ROUNDS, 0.0) for name in ("cuda", "cuda-captured")}


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
