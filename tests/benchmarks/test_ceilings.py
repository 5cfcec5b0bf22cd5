"""Ceilings that are measured, and what follows from them for a case: its part of the roofline, and its bound."""

import pytest

import gpunn
from benchmarks import ceilings as module
from benchmarks.case import Case, Place
from benchmarks.ceilings import Ceilings, Meter, Probe, bound, probes, share, told
from benchmarks.clock import Sample
from benchmarks.measure import Timing
from gpunn import emulator
from tests.benchmarks.played import Clock

TOP = Ceilings(copies={10: 400.0, 1000: 100.0}, call=0.001, products={"float32": 1e3, "tf32": 4e3, "bfloat16": 8e3})


def timing(seconds, enqueue=0.0):
    return Timing(seconds, seconds, seconds, 1, enqueue)


def case(**options):
    return Case("case", lambda place: None, **options)


def measured(place, dtypes, **options):
    meter = Meter(place, probes(place, dtypes, **options))
    assert not meter.is_ready
    meter.measure(2)
    assert meter.is_ready
    return meter.ceilings()


def test_the_cpu_has_ceilings_above_nothing():
    found = measured(Place("cpu", gpunn, "cpu"), ["float32", "float64", "amp", "bfloat16"], scale=1e-3)
    assert found.copy > 1e6 and 0 < found.call < 1 and 0 < found.steadiness <= 1
    assert list(found.products) == ["float32", "float64", "bfloat16"] and min(found.products.values()) > 0
    assert len(found.copies) == len(module.COPIES["cpu"])


def test_a_gpu_is_measured_with_tf32_too_and_its_switch_is_left_as_it_was(monkeypatch):
    seen = []
    with emulator.enable():
        place = Place("cuda", gpunn, "cuda")
        monkeypatch.setattr(module, "runner", lambda call, place: lambda n: seen.append(switch()) or Sample(1, 1, 1))
        found = measured(place, ["float32", "float16"], scale=2**-20)
    assert list(found.products) == ["float32", "float16", "tf32"]
    assert seen.count(True) == 3  # once to warm up, and in two rounds
    assert not switch() and place.fed == []


def switch():
    return gpunn.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(("part", "seconds"), [(0.25, 0.125), (1.0, 0.5), (2.0, 0.5)])  # two threads in the last
def test_on_a_cpu_waiting_is_no_ceiling(monkeypatch, part, seconds):
    clock = Clock(monkeypatch, part)
    assert module._warm(lambda: clock.work(0.5), Place("cpu", clock, "cpu"))(4).seconds == seconds


def test_with_cold_caches_only_memory_is_a_ceiling():
    cold = probes(Place("cpu", gpunn, "cpu"), ["float32"], cold=True, scale=1e-3)
    assert [probe.key for probe in cold if probe.kind == "copy"] == [int((1 << 27) * 1e-3)]


def test_copies_move_random_numbers():
    for probe in probes(Place("cpu", gpunn, "cpu"), [], scale=1e-3):
        if probe.kind == "copy":
            assert probe.work == pytest.approx(probe.key, abs=8)
    block = Place("cpu", gpunn, "cpu").random(100)
    assert block.std().item() > 0.5


@pytest.fixture
def meter(monkeypatch):
    """A meter of played work: a call that takes `seconds` of each round, the last again and again."""
    clock = Clock(monkeypatch)

    def play(**seconds):
        def probe(kind, key, work, name):
            def run(n):
                took = seconds[name].pop(0) if len(seconds[name]) > 1 else seconds[name][0]
                clock.work(took * n)
                return Sample(took, took, took)

            return Probe(kind, key, work, 2, run)

        kinds = [("copy", 8, 8.0, "cached"), ("copy", 64, 64.0, "copy"), ("call", "", 1.0, "call")]
        kinds.append(("product", "float32", 1000.0, "product"))
        return clock, Meter(None, [probe(*kind) for kind in kinds])

    return play


def test_the_best_of_all_rounds_is_the_ceiling(meter):
    _, played = meter(cached=[1.0], copy=[4.0, 2.0, 8.0], call=[0.5, 0.25], product=[8.0, 10.0, 4.0])
    played.measure(3)
    assert played.ceilings() == Ceilings({8: 8.0, 64: 32.0}, 0.25, {"float32": 250.0}, steadiness=0.5)


@pytest.mark.parametrize(("copy", "product", "steady"), [([4.0, 5.0], [1.0], True), ([1.0], [3.0, 4.0, 4.0], False)])
def test_ceilings_that_move_are_not_relied_on(meter, copy, product, steady):
    _, played = meter(cached=[9.0, 1.0], copy=copy, call=[9.0, 1.0], product=product)  # small work may move
    played.measure(3)
    assert played.ceilings().is_steady is steady


def test_ceilings_are_measured_again_when_that_costs_little(meter):
    clock, played = meter(cached=[0.25], copy=[0.5], call=[0.25], product=[1.0, 1.0, 0.5])
    played.measure(2)  # two rounds of 4 seconds
    clock.work(39.0)
    played.measure_again()
    assert played.ceilings().products == {"float32": 1000.0}
    clock.work(1.5)
    played.measure_again()
    assert played.ceilings().products == {"float32": 2000.0}


@pytest.mark.parametrize(
    ("options", "seconds", "part", "by"),
    [
        ({"moved": 1000}, 20.0, 0.5, "memory"),
        ({"moved": 20}, 0.1, 0.5, "memory"),  # in the cache that a copy of half as many fits into
        ({"moved": 24}, 0.48, 0.5, "memory"),
        ({"moved": 10**6}, 2e4, 0.5, "memory"),  # more than any copy
        ({"flops": 1000}, 2.0, 0.5, "compute"),
        ({"flops": 1000, "moved": 300}, 6.0, 0.5, "memory"),
        ({"flops": 5000, "moved": 300}, 10.0, 0.5, "compute"),
        ({"flops": 5000, "moved": 100, "tf32": True}, 2.5, 0.5, "compute"),
        ({"flops": 16000, "moved": 100, "dtype": "bfloat16", "tf32": True}, 4.0, 0.5, "compute"),
        ({"flops": 16000, "moved": 100, "dtype": "amp", "tf32": True}, 4.0, 0.5, "compute"),
        ({"moved": 400, "dtype": "bfloat16"}, 4.0, 0.5, "memory"),  # half the bytes of float32
        ({"moved": 100, "dtype": "float64"}, 4.0, 0.5, "memory"),
    ],
)
def test_the_part_of_the_roofline(options, seconds, part, by):
    assert share(case(**options), timing(seconds), TOP) == (pytest.approx(part), by)


def test_without_counts_there_is_no_roofline():
    assert share(case(), timing(1.0), TOP) is None
    assert share(case(flops=10, dtype="float16"), timing(1.0), TOP) is None  # no product of that type was measured
    assert bound(case(), timing(1.0), TOP, is_gpu=False) == ""


@pytest.mark.parametrize(
    ("t", "is_gpu", "by"),
    [
        (timing(1.0, 0.79), True, "memory"),
        (timing(1.0, 0.8), True, "launch"),  # the GPU waits for the host
        (timing(1.0, 1.0), False, "memory"),  # on a CPU the call is the work
        (timing(0.0029), False, "launch"),
        (timing(0.0031), False, "memory"),
    ],
)
def test_the_bound(t, is_gpu, by):
    assert bound(case(moved=10), t, TOP, is_gpu) == by


def test_cases_of_calls_are_bound_by_calls():
    assert bound(case(calls=1), timing(1.0), TOP, is_gpu=False) == "launch"


def test_what_the_measurement_tells_of_a_case_without_a_note():
    assert told("launch", 0.5) == "no note; measured: its calls take the time, not the work in them"
    assert told("", None) == told("memory", None) == "no note, and nothing is counted that would tell"
    assert told("compute", 0.126) == "no note; measured: bound by compute, 13% of what this machine does at best"
