"""Places, and every case of every family: each can be made and run on the CPU, the quick ones on the emulated GPU."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import gpunn
from benchmarks.case import SOFTWARE, Case, Place, open_place
from benchmarks.families import select
from gpunn import backend, emulator

HEAVY = ("resnet", "vgg16", "gpt", "lstm/")  # networks; test_networks.py runs them
CASES = [case for case in select([], quick=False, large=False) if not case.name.startswith(HEAVY)]


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


def test_the_counts_of_well_known_cases():
    counts = {case.name: (case.moved, case.flops, case.images) for case in CASES}
    assert counts["add/forward/64"] == (4 * 64 * 3, 0, 0)
    assert counts["exp/forward/4194304"] == (32 << 20, 0, 0)
    assert counts["matmul/forward/512"] == (3 << 20, 1 << 28, 0)
    assert counts["conv2d/forward/64x6x14x14-16x5x5"] == (
        4 * (64 * (6 * 196 + 16 * 100) + 2400),
        2 * 64 * 16 * 10 * 10 * 6 * 25,
        0,
    )
    assert counts["conv1d/forward+backward/16x64x1024-64x3"][1:] == (6 * 16 * 64 * 64 * 3 * 1024, 0)
    assert counts["conv_transpose2d/forward+backward/8x64x28x28-32x4"][1:] == (6 * 8 * 64 * 32 * 16 * 28 * 28, 0)
    assert counts["relu/forward/64x6x28x28"] == (8 * 64 * 6 * 28 * 28, 0, 0)
    assert counts["conv2d/forward/8x64x56x56-64x3x3-groups64"][1] == 2 * 8 * 64 * 56 * 56 * 9
    touched, parameters = 29_978, 61_706
    assert counts["lenet5/forward/batch64"] == (4 * (64 * touched + parameters), 64 * 833_040, 64)
    assert counts["lenet5/step/batch64"] == (
        4 * (3 * (64 * touched + parameters) + 5 * parameters),
        3 * 64 * 833_040,
        64,
    )


def test_random_tensors_are_the_same_in_every_place():
    with emulator.enable():
        found = [Place(name, gpunn, name).random(3, 4, requires_grad=True) for name in ("cpu", "cuda")]
        assert [x.device.type for x in found] == ["cpu", "cuda"]
        assert all(x.requires_grad and x.dtype is gpunn.float32 for x in found)
        np.testing.assert_array_equal(found[0].detach().numpy(), found[1].detach().cpu().numpy())


def test_numbers_have_the_type_and_format_of_the_place():
    place = Place("cpu", gpunn, "cpu", dtype="bfloat16", layout="channels_last")
    x, exact = place.random(2, 3, 4, 5), Place("exact", gpunn, "cpu", exact=True, dtype="bfloat16").random(2, 3, 4, 5)
    assert x.dtype is gpunn.bfloat16 and exact.dtype is gpunn.float64
    assert x.is_contiguous(memory_format=gpunn.channels_last) and not x.is_contiguous()
    assert x.double().equal(exact)
    assert len(place.fed) == 1 and place.tensor(np.ones(2)).dtype is gpunn.float64 and len(place.fed) == 2


def test_models_have_the_same_random_weights_everywhere():
    layers = [gpunn.nn.Sequential(gpunn.nn.Linear(300, 50), gpunn.nn.BatchNorm1d(50)) for _ in range(2)]
    a, b = Place("cpu", gpunn, "cpu").model(layers[0]), Place("exact", gpunn, "cpu", exact=True).model(layers[1])
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert p.dtype is gpunn.float32 and q.dtype is gpunn.float64 and p.double().equal(q)
    weight, bias, scale, shift = [p.detach() for p in a.parameters()]
    assert 0.9 / 300**0.5 < weight.abs().max().item() <= 1 / 300**0.5
    assert (scale.min().item() > 0.9 and scale.max().item() < 1.1) and scale.std().item() > 0
    assert max(bias.abs().max().item(), shift.abs().max().item()) <= 0.1


class Torch:
    """Plays PyTorch, whose settings are strings."""

    channels_last, bfloat16, float32 = "channels_last", "bfloat16", "float32"
    no_grad = gpunn.no_grad

    def __init__(self, has_gpu=True):
        self.threads, self.has_gpu, self.steps = 0, has_gpu, 0
        self.cuda = self.compiler = self.optim = self
        self.backends = SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=None)))

    def set_num_threads(self, n):
        self.threads = n

    def is_available(self):
        return self.has_gpu

    def compile(self, model, mode):
        return ("compiled", model, mode)

    def autocast(self, device, dtype):
        return (device, dtype)

    def cudagraph_mark_step_begin(self):
        self.steps += 1

    def SGD(self, parameters, **options):  # noqa: N802 - PyTorch's name
        return options


def test_the_strong_setting_of_pytorch_on_a_gpu():
    class Model(gpunn.nn.Module):
        def to(self, target=None, memory_format=None):
            self.seen = [*getattr(self, "seen", []), target or memory_format]
            return self

    torch, model = Torch(), Model()
    strong = Place("torch-cuda-strong", torch, "cuda", strong=True)
    assert strong.model(model) == ("compiled", model, "reduce-overhead")
    assert model.seen == ["cuda", "float32", "channels_last"]
    assert strong.precision() == ("cuda", "bfloat16") and torch.steps == 1
    assert strong.sgd([]) == {"lr": 1e-4, "momentum": 0.9, "fused": True}
    assert replace(strong, device="cpu").model(model) == ("compiled", model, "default")
    assert replace(strong, device="cpu").sgd([]) == {"lr": 1e-4, "momentum": 0.9}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, None),
        ({"dtype": "amp"}, ("cuda", "bfloat16")),
        ({"dtype": "amp", "device": "cpu"}, ("cpu", "bfloat16")),
        ({"dtype": "amp", "exact": True}, None),
        ({"strong": True}, ("cuda", "bfloat16")),
        ({"strong": True, "tf32": True}, None),  # both in TF32
        ({"strong": True, "tf32": True, "dtype": "amp"}, ("cuda", "bfloat16")),
        ({"strong": True, "device": "cpu"}, None),
    ],
)
def test_where_the_forward_pass_is_autocast(options, wanted):
    found = replace(Place("torch", Torch(), "cuda"), **options).precision()
    assert (found if wanted else found.__enter__()) == wanted


def test_under_autocast_tensors_are_stored_in_float32():
    place = Place("cpu", gpunn, "cpu", dtype="amp")
    layer, x = place.model(gpunn.nn.Linear(3, 2)), place.random(4, 3)
    with place.precision():
        y = layer(x)
    assert (x.dtype, layer.weight.dtype, y.dtype) == (gpunn.float32, gpunn.float32, gpunn.bfloat16)


def test_steps_are_captured_where_the_place_says_so():
    with emulator.enable():
        calls = []

        def step(x):
            calls.append(None)
            return x * 2

        for captured, count in ((False, 6), (True, 2 + 2)):  # two eager runs, two recordings
            place = Place("cuda", gpunn, "cuda", captured=captured)
            run = place.recorded(step, place.random(3))
            calls.clear()
            answers = [run().tolist() for _ in range(6)]
            assert len(calls) == count and answers == [answers[0]] * 6


def test_the_emulator_is_no_gpu():
    with emulator.enable():
        assert open_place("cuda", 1) == "no GPU found (the emulator plays it, and its times say nothing of a GPU)"


def test_tensors_of_one_shape_differ():
    place = Place("cpu", gpunn, "cpu")
    x, g = place.random(100), place.random(100)
    assert abs((x * g).mean().item()) < 0.5 and not x.equal(g)


def test_the_cpu_time_is_for_places_on_the_cpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", Torch())
    assert open_place("cpu", 1, cpu_time=True).cpu_time and open_place("torch", 1, cpu_time=True).cpu_time
    assert not open_place("torch-cuda", 1, cpu_time=True).cpu_time


@pytest.mark.parametrize(
    ("options", "reason"),
    [({}, ""), ({"dtype": "float16"}, SOFTWARE["float16"]), ({"dtype": "float16", "note": "so"}, "so")],
)
def test_the_reason_is_the_note_or_that_of_the_type(options, reason):
    assert Case("case", lambda place: None, **options).reason == reason


def test_the_cpu_is_always_there():
    place = open_place("cpu", 1)
    assert place == Place("cpu", gpunn, "cpu")
    place.synchronize()


def test_synchronize_waits_for_the_gpu():
    with emulator.enable():
        before = emulator.synchronisations.count
        Place("cuda", gpunn, "cuda").synchronize()
        assert emulator.synchronisations.count == before + 1


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda-captured"])
def test_a_missing_gpu_is_a_reason_not_a_place(name):
    assert open_place(name, 1).startswith("no GPU found (CuPy is not installed")


def test_a_gpu_is_opened_with_the_policy_of_tf32(monkeypatch):
    monkeypatch.setattr(backend, "cuda_problem", lambda: None)
    before = gpunn.backends.cuda.matmul.allow_tf32
    try:
        for tf32 in (True, False):
            place = open_place("cuda-captured", 1, tf32)
            assert place == Place("cuda-captured", gpunn, "cuda", captured=True, tf32=tf32)
            assert gpunn.backends.cuda.matmul.allow_tf32 is tf32
    finally:
        gpunn.backends.cuda.matmul.allow_tf32 = before


def test_a_missing_pytorch_is_a_reason_not_a_place(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert open_place("torch", 1) == "PyTorch is not installed"


@pytest.mark.parametrize(
    ("name", "where", "strong"),
    [
        ("torch", "cpu", False),
        ("torch-strong", "cpu", True),
        ("torch-cuda", "cuda", False),
        ("torch-cuda-strong", "cuda", True),
    ],
)
def test_pytorch_gets_the_threads_that_numpy_has(monkeypatch, name, where, strong):
    torch = Torch()
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert open_place(name, 3, tf32=True) == Place(name, torch, where, strong=strong, tf32=True)
    assert torch.threads == 3 and torch.backends.cuda.matmul.allow_tf32 is (True if where == "cuda" else None)


def test_pytorch_without_a_gpu_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", Torch(has_gpu=False))
    assert open_place("torch-cuda", 1) == "no GPU found (by PyTorch)"
