"""What is inside a time: only the run, with what it started on the device."""

import pytest

import gpunn
from benchmarks.case import Place
from benchmarks.clock import Sample, runner
from gpunn import emulator
from tests.benchmarks.played import Clock, PlayedGpu


def test_on_a_cpu_a_run_takes_as_long_as_its_call(monkeypatch):
    clock = Clock(monkeypatch, part=0.5)
    sample = runner(lambda: clock.work(0.25), Place("cpu", clock, "cpu"))(8)
    assert sample == Sample(seconds=0.25, enqueue=0.25, cpu=0.125)


def test_on_a_busy_cpu_only_what_the_process_had_may_count(monkeypatch):
    clock = Clock(monkeypatch, part=0.5)
    sample = runner(lambda: clock.work(0.25), Place("cpu", clock, "cpu", cpu_time=True))(8)
    assert sample == Sample(0.125, 0.125, 0.125)


def test_on_a_gpu_waiting_is_part_of_the_time_but_not_of_the_call(monkeypatch):
    gpu = PlayedGpu(monkeypatch)

    def run():
        gpu.queue(0.5)
        gpu.work(0.125)

    assert runner(run, gpu.place())(1) == Sample(0.5, 0.125, 0.5)
    assert runner(run, gpu.place())(4) == Sample(0.5, 0.125, 0.5)  # the host is ahead of the device


def test_on_a_gpu_that_waits_for_the_host_the_call_is_the_time(monkeypatch):
    gpu = PlayedGpu(monkeypatch)

    def run():
        gpu.work(0.5)
        gpu.queue(0.125)

    sample = runner(run, gpu.place())(4)
    assert sample.enqueue == 0.5 and sample.seconds == pytest.approx(0.5 + 0.125 / 4)


def test_what_the_device_did_before_is_not_timed(monkeypatch):
    gpu = PlayedGpu(monkeypatch)
    run = runner(lambda: gpu.queue(0.5), gpu.place())
    gpu.queue(16.0)
    assert run(1).seconds == 0.5


@pytest.mark.parametrize("n", [1, 3])
def test_preparation_is_not_timed_and_its_result_is_handed_on(monkeypatch, n):
    gpu, handed = PlayedGpu(monkeypatch), []

    def prepare():
        gpu.work(16.0)
        gpu.queue(16.0)
        return len(handed)

    def run(prepared):
        handed.append(prepared)
        gpu.queue(0.25)

    assert runner((prepare, run), gpu.place())(n) == Sample(0.25, 0.0, 0.25)
    assert handed == list(range(n))


def test_events_of_gpunn_time_a_run():
    with emulator.enable():
        x = gpunn.ones(1000, device="cuda")
        sample = runner(lambda: x + 1, Place("cuda", gpunn, "cuda"))(3)
    assert 0 < sample.enqueue < 1 and 0 < sample.seconds < 1
