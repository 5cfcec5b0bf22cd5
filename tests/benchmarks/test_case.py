"""Places, and every case of every family: each can be made and run on the CPU, the quick ones on the emulated GPU."""

import sys

import numpy as np
import pytest

import gpunn
from benchmarks.case import Place, open_place
from benchmarks.runner import FAMILIES, select
from gpunn import backend, emulator

CASES = select([], quick=False)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(backend, "_installed", None)


def run_once(made):
    """What one run of a case gives."""
    if not isinstance(made, tuple):
        return made()
    prepare, timed = made
    return timed(prepare())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_runs_on_the_cpu(case):
    made = case.make(Place("cpu", gpunn, "cpu"))
    run_once(made)
    run_once(made)  # as timing does, again and again


@pytest.mark.parametrize("case", select([], quick=True), ids=lambda case: case.name)
def test_quick_cases_run_on_the_emulated_gpu(case):
    with emulator.enable():
        place = Place("cuda", gpunn, "cuda")
        run_once(case.make(place))
        place.synchronize()


def test_names_are_unique_and_start_alike_in_a_family():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(list(family.cases()) for family in FAMILIES)
    assert all(
        case.moved or case.flops or case.images or case.calls or case.name == "add/forward+backward/64"
        for case in CASES
    )


def test_the_counts_of_well_known_cases():
    counts = {case.name: (case.moved, case.flops, case.images) for case in CASES}
    assert counts["add/forward/64"] == (4 * 64 * 3, 0, 0)
    assert counts["exp/forward/4194304"] == (32 << 20, 0, 0)
    assert counts["matmul/forward/512"] == (0, 1 << 28, 0)
    assert counts["conv2d/forward/64x6x14x14-16x5x5"] == (0, 2 * 64 * 16 * 10 * 10 * 6 * 25, 0)
    assert counts["conv1d/forward+backward/16x64x1024-64x3"] == (0, 6 * 16 * 64 * 64 * 3 * 1024, 0)
    assert counts["conv_transpose2d/forward+backward/8x64x28x28-32x4"] == (0, 6 * 8 * 64 * 32 * 16 * 28 * 28, 0)
    assert counts["relu/forward/64x6x28x28"] == (8 * 64 * 6 * 28 * 28, 0, 0)
    assert counts["lenet5/step/batch64"] == (0, 0, 64)


def test_random_tensors_are_the_same_in_every_place():
    with emulator.enable():
        found = [Place(name, gpunn, name).random(3, 4, requires_grad=True) for name in ("cpu", "cuda")]
        assert [x.device.type for x in found] == ["cpu", "cuda"]
        assert all(x.requires_grad and x.dtype is gpunn.float32 for x in found)
        np.testing.assert_array_equal(found[0].detach().numpy(), found[1].detach().cpu().numpy())


def test_the_cpu_is_always_there():
    place = open_place("cpu", 1)
    assert place == Place("cpu", gpunn, "cpu")
    place.synchronize()


def test_synchronize_waits_for_the_gpu():
    with emulator.enable():
        place = open_place("cuda", 1)
        before = emulator.synchronisations.count
        place.synchronize()
        assert emulator.synchronisations.count == before + 1


@pytest.mark.usefixtures("no_gpu")
def test_a_missing_gpu_is_a_reason_not_a_place():
    assert open_place("cuda", 1).startswith("no GPU found (CuPy is not installed")


def test_a_missing_pytorch_is_a_reason_not_a_place(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert open_place("torch", 1) == "PyTorch is not installed"


def test_pytorch_gets_the_threads_that_numpy_has(monkeypatch):
    class Played:
        threads = 0

        def set_num_threads(self, n):
            self.threads = n

    torch = Played()
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert open_place("torch", 3) == Place("torch", torch, "cpu")
    assert torch.threads == 3
