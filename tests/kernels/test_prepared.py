"""Launches that do not fit their kernel are refused; those that do become C's numbers."""

import numpy as np
import pytest

from gpunn import emulator, kernels
from gpunn.errors import ArgumentError, UnsupportedError
from gpunn.kernels import KernelArgumentError, prepared, source
from gpunn.kernels.source import parse

TEXT = """// A test. gpunn/ops
// T: float, double
// I: int, long long
// BLOCK: 128, 256

// Bytes: n.
extern "C" __global__ void take(T* y, const T* x, const I* index, const bool* mask, float a, long long n, int k) {}
// Bytes: n.
extern "C" __global__ void update(T* const* parameters, const T* x, bool flag) {}
// Bytes: 1.
extern "C" __global__ void typed(T value, T* y) {}
"""


class Recorder:
    """Plays a compiled module and its kernels: keeps what was launched."""

    def __init__(self):
        self.launches, self.codes, self.options = [], [], []

    def __call__(self, code, options, enable_cooperative_groups):
        self.codes.append(code)
        self.options.append((options, enable_cooperative_groups))
        return self

    def get_function(self, name):
        self.name = name
        return self.run

    @property
    def run(self):
        return Run(self)


class Run:
    def __init__(self, recorder):
        self.recorder, self.asked = recorder, []

    max_dynamic_shared_size_bytes = property(None, lambda self, size: self.asked.append(size))

    def __call__(self, grid, block, args, shared_mem):
        self.recorder.launches.append((self.recorder.name, grid, block, args, shared_mem, self))


@pytest.fixture
def played(monkeypatch):
    """CuPy is the emulator; the file "test" is TEXT; compiled modules record."""
    with emulator.enable():
        cupy = kernels.backend.cuda_module()
        recorder = Recorder()
        monkeypatch.setattr(prepared, "kernel_file", lambda stem: parse(stem, TEXT))
        monkeypatch.setattr(kernels, "_prepared", {})
        monkeypatch.setattr(cupy, "RawModule", recorder, raising=False)
        for made in (prepared.compiled, prepared.function_of):
            made.cache_clear()
        yield cupy, recorder
        for made in (prepared.compiled, prepared.function_of):
            made.cache_clear()


def arguments(cupy, dtype="float32", index="int64"):
    x = cupy.ones(10, dtype)
    return [x, x, cupy.zeros(10, index), cupy.ones(10, bool), 0.5, 10, 3]


def test_arguments_become_what_the_signature_says(played):
    cupy, recorder = played
    args = arguments(cupy)
    kernels.launch("test", "take", 1000, args, {"BLOCK": 128})
    [(name, grid, block, passed, shared, _)] = recorder.launches
    assert (name, grid, block, shared) == ("take", (8,), (128,), 0)
    assert [type(a) for a in passed[4:]] == [np.float32, np.int64, np.int32]
    assert all(a is b for a, b in zip(passed[:4], args[:4], strict=True))
    assert "using T = float;\nusing I = long long;\nconstexpr int BLOCK = 128;\n" in recorder.codes[0]
    assert recorder.options == [(("-std=c++17",), False)]


def test_types_are_bound_by_the_arrays(played):
    cupy, recorder = played
    kernels.launch("test", "take", 1, arguments(cupy, "float64", "int32"), {"BLOCK": 256})
    assert "using T = double;\nusing I = int;\n" in recorder.codes[0]


def test_a_second_launch_compiles_nothing(played):
    cupy, recorder = played
    for _ in range(3):
        kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 256})
    kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 128})
    assert (len(recorder.codes), len(recorder.launches)) == (2, 4)


def test_no_threads_no_launch(played):
    cupy, recorder = played
    kernels.launch("test", "take", 0, arguments(cupy), {"BLOCK": 256})
    assert recorder.launches == []


def test_the_grid_is_bounded(played):
    cupy, recorder = played
    kernels.launch("test", "take", 1 << 40, arguments(cupy), {"BLOCK": 256})
    assert recorder.launches[0][1] == (prepared.MAX_BLOCKS,)


def test_shared_memory_is_asked_for_on_each_gpu(played, monkeypatch):
    cupy, recorder = played
    for gpu, shared in ((0, 48 << 10), (0, 1000), (0, 100_000), (1, 48 << 10), (1, 0)):
        monkeypatch.setattr(cupy.cuda.runtime, "getDevice", lambda gpu=gpu: gpu)
        kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 256}, shared=shared)
    assert [shared for *_, shared, _ in recorder.launches] == [48 << 10, 1000, 100_000, 48 << 10, 0]
    # 48 KB are no default: what the kernel itself declares is among them.
    assert recorder.launches[0][5].asked == [48 << 10, 100_000, 48 << 10]


def test_a_choice_left_out_is_the_first(played):
    cupy, recorder = played
    kernels.launch("test", "take", 256, arguments(cupy))
    assert recorder.launches[0][1:3] == ((2,), (128,))


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (1, lambda cupy: cupy.ones(10), "x is an array of float, got double"),
        (2, lambda cupy: cupy.ones(10, "float32"), r"test\.cu is not built for .*'I': 'float'"),
        (3, lambda cupy: cupy.ones(10, "uint8"), "mask is an array of bool, got unsigned char"),
        (
            1,
            lambda cupy: cupy.ones((10, 10), "float32")[:, 0],
            r"x must be C-contiguous, got shape \(10,\) with strides",
        ),
        (1, lambda cupy: np.ones(10, np.float32), "x is an array, got ndarray"),
        (1, lambda cupy: 3, "x is an array, got int"),
        (4, lambda cupy: cupy.ones(1, "float32"), "a is a number of type float"),
        (5, lambda cupy: 2.5, "n is a number of type long long, got 2.5"),
        (6, lambda cupy: np.float32(1), "k is a number of type int"),
        (6, lambda cupy: "1", "k is a number of type int, got '1'"),
    ],
)
def test_what_does_not_fit_is_refused(played, position, value, words):
    cupy, recorder = played
    args = arguments(cupy)
    args[position] = value(cupy)
    with pytest.raises((KernelArgumentError, ArgumentError), match=words):
        kernels.launch("test", "take", 1, args, {"BLOCK": 256})
    assert recorder.launches == []


def test_launches_with_other_types_of_numbers_do_not_lower_the_limit_of_shared_memory(played):
    cupy, recorder = played
    for count, size in ((10, 60_000), (np.int64(10), 50_000), (np.int32(10), 70_000)):
        args = arguments(cupy)
        args[5] = count
        kernels.launch("test", "take", 1, args, {"BLOCK": 256}, size)
    assert len(kernels._prepared) == 3
    runs = {id(launch[-1]): launch[-1] for launch in recorder.launches}
    assert [run.asked for run in runs.values()] == [[60_000, 70_000]]


def test_a_number_too_large_for_its_type(played):
    cupy, _ = played
    with pytest.raises(OverflowError):
        kernels.launch("test", "take", 1, [*arguments(cupy)[:-1], 1 << 31], {"BLOCK": 256})


def test_unknown_kernels_counts_and_choices(played):
    cupy, _ = played
    with pytest.raises(KernelArgumentError, match=r"test\.cu has no kernel tkae, only take, update, typed"):
        kernels.launch("test", "tkae", 1, ())
    with pytest.raises(KernelArgumentError, match="takes 7 arguments, got 1"):
        kernels.launch("test", "take", 1, (cupy.ones(1),))
    with pytest.raises(ArgumentError, match="not built for"):
        kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 512})
    with pytest.raises(KernelArgumentError, match="value has type T; numbers are bool, int"):
        kernels.launch("test", "typed", 1, (1.0, cupy.ones(1, "float32")), {"BLOCK": 256})


def test_tables_hold_addresses(played):
    cupy, recorder = played
    x = cupy.ones(1, "float32")
    kernels.launch("test", "update", 1, (cupy.zeros(3, "int64"), x, True), {"BLOCK": 256})
    assert isinstance(recorder.launches[0][3][2], np.bool_)
    with pytest.raises(KernelArgumentError, match="parameters holds addresses, int64 or uint64; got float32"):
        kernels.launch("test", "update", 1, (x, x, True), {"BLOCK": 256})


def test_a_gpu_that_is_too_old(played, monkeypatch):
    cupy, _ = played
    monkeypatch.setattr(prepared, "kernel_file", lambda stem: parse(stem, TEXT.replace("// I:", "// arch: 950\n// I:")))
    with pytest.raises(UnsupportedError, match=r"test\.cu needs compute capability 950 or more, this GPU has"):
        kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 256})


def test_arrays_of_two_gpus(played, monkeypatch):
    cupy, recorder = played
    monkeypatch.setattr(kernels.backend, "_count", 2)
    kernels.launch("test", "take", 1, arguments(cupy), {"BLOCK": 256})
    assert len(recorder.launches) == 1
    with pytest.raises(KernelArgumentError, match=r"arrays are on GPUs \[0, 1\]"):
        raise prepared.different_devices("test", "take", [1, 0, 1])


def test_every_kernel_file_has_types_that_arrays_can_have():
    known = set(source.C_TYPES.values())
    for stem in source.stems():
        for names, words in source.kernel_file(stem).choices:
            for name, column in zip(names, zip(*words, strict=True), strict=True):
                if name in ("T", "I"):
                    assert set(column) <= known, f"{stem}.cu: {name}"
