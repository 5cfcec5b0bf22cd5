"""Ceilings that are measured, and what follows from them for a case: its part of the roofline, and its bound."""

import pytest

import gpunn
from benchmarks import ceilings as module
from benchmarks.case import Case, Place
from benchmarks.ceilings import Ceilings, bound, ceilings, share
from benchmarks.measure import Timing
from tests.benchmarks.played import PlayedGpu

TOP = Ceilings(copy=100.0, call=0.001, products={"float32": 1000.0, "tf32": 4000.0, "bfloat16": 8000.0})


def timing(seconds, enqueue=0.0):
    return Timing(seconds, seconds, seconds, 1, enqueue)


def case(**options):
    return Case("case", lambda place: None, **options)


def test_the_cpu_has_ceilings_above_nothing():
    found = ceilings(Place("cpu", gpunn, "cpu"), ["float32", "float64"], scale=1e-3)
    assert found.copy > 1e6 and 0 < found.call < 1
    assert set(found.products) == {"float32", "float64"} and min(found.products.values()) > 0


def test_a_gpu_is_measured_with_tf32_too_and_its_switch_is_left_as_it_was(monkeypatch):
    gpu = PlayedGpu(monkeypatch, module)
    gpu.matmul_seconds, gpu.copy_seconds = {False: 2.0, True: 0.5}, 0.25
    found = ceilings(gpu.place(), ["float32"], scale=2**-10)
    n, size = 8, 16 << 14  # a side of the products; elements copied
    assert found.copy == pytest.approx(2 * 4 * size / 0.25)
    assert found.products == pytest.approx({"float32": 2 * n**3 / 2.0, "tf32": 2 * n**3 / 0.5})
    assert gpu.allow_tf32 is False


@pytest.mark.parametrize(
    ("options", "seconds", "part", "by"),
    [
        ({"moved": 100}, 2.0, 0.5, "memory"),
        ({"flops": 1000}, 2.0, 0.5, "compute"),
        ({"flops": 1000, "moved": 300}, 6.0, 0.5, "memory"),
        ({"flops": 5000, "moved": 300}, 10.0, 0.5, "compute"),
        ({"flops": 5000, "moved": 100, "tf32": True}, 2.5, 0.5, "compute"),
        ({"flops": 16000, "moved": 100, "dtype": "bfloat16", "tf32": True}, 4.0, 0.5, "compute"),
        ({"moved": 400, "dtype": "bfloat16"}, 4.0, 0.5, "memory"),  # half the bytes of float32
        ({"moved": 100, "dtype": "float64"}, 4.0, 0.5, "memory"),
    ],
)
def test_the_part_of_the_roofline(options, seconds, part, by):
    assert share(case(**options), timing(seconds), TOP) == (part, by)


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
