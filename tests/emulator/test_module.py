"""cupy.RawModule of the emulated machine: CuPy's arguments, launches, limits, orders, faults."""

from __future__ import annotations

import faulthandler
import multiprocessing
import threading

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator import EmulatorError, KernelCompileError, KernelError
from gpunn.emulator.namespace import cupy
from gpunn.emulator.settings import Current
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TEXT = r"""
extern "C" __global__ void where(int* y) {
  const int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  y[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 10000 + thread;
}
extern "C" __global__ void arrivals(int* order, int* count) {
  order[atomicAdd(count, 1)] = blockIdx.x * blockDim.x + threadIdx.x;
}
extern "C" __global__ void reversed(float* y, const float* x, int n) {
  extern __shared__ __align__(16) float row[];
  row[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = row[n - 1 - threadIdx.x];
}
extern "C" __global__ void votes(int* y) {
  y[0] = __syncthreads_count(threadIdx.x % 3 == 0);
  y[1] = __syncthreads_and(threadIdx.x < 40);
  y[2] = __syncthreads_or(threadIdx.x == 39);
}
extern "C" __global__ void leftover(float* y) {
  __shared__ float tile[64];
  y[threadIdx.x + blockIdx.x * 64] = tile[threadIdx.x];
  tile[threadIdx.x] = 7;
}
extern "C" __global__ void halved(float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x] * 0.5f; }
extern "C" __global__ void halved_double(double* y, const double* x) { y[threadIdx.x] = x[threadIdx.x] * 0.5; }
extern "C" __global__ void filled(float* y, long long n, float value) {
  for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = value;
}
extern "C" __global__ void nothing() {}
extern "C" __global__ void wild(float* y, long long offset) { y[offset] = 1; }
extern "C" __global__ void quotient(int* y, int divisor) { y[0] = y[1] / divisor; }
extern "C" __global__ void endless(volatile int* y) { while (*y == 0) {} }
extern "C" __global__ void deep(int* y, int n) {
  volatile char buffer[300000];
  buffer[n] = 1;
  y[0] = buffer[n];
}
extern "C" __global__ void raised(float* const* table) { table[1][threadIdx.x] += 1; }
template <class T>
__global__ void copied(T* y, const T* x) { y[threadIdx.x] = x[threadIdx.x]; }
"""


@pytest.fixture(scope="module")
def module():
    return cupy.RawModule(code=TEXT, options=("-std=c++17",))


@pytest.fixture(params=[False, True], ids=["fast", "checked"])
def check(request):
    with emulator.enable(check=request.param):
        yield request.param


def test_arguments_are_those_of_cupy():
    with pytest.raises(TypeError, match="Exactly one of"):
        cupy.RawModule()
    with pytest.raises(TypeError, match="Exactly one of"):
        cupy.RawModule(code="", path="kernel.cubin")
    for unsupported in ({"path": "kernel.cubin"}, {"code": "", "backend": "nvcc"}, {"code": "", "jitify": True}):
        with pytest.raises(EmulatorError, match="takes code alone"):
            cupy.RawModule(**unsupported)


def test_a_text_that_does_not_compile_names_its_line():
    code = '#line 5 "pool.cu"\nextern "C" __global__ void f(float* y) {\n  y[0] = unknown;\n}\n'
    with pytest.raises(KernelCompileError, match=r"pool\.cu:6:.*unknown"):
        cupy.RawModule(code=code).get_function("f")


def test_a_kernel_that_is_not_there(module):
    with pytest.raises(EmulatorError, match="no kernel 'copied' in this module, only where, "):
        module.get_function("copied")


def test_templates_are_named_by_expressions():
    names = ["copied<float>", "copied<unsigned char>", "nothing"]
    module = cupy.RawModule(code=TEXT, name_expressions=names)
    for dtype, name in zip((np.float32, np.uint8), names, strict=False):
        x, y = cupy.arange(8, dtype=dtype), cupy.empty(8, dtype)
        module.get_function(name)((1,), (8,), (y, x))
        assert (y == x).all()
    module.get_function("nothing")((1,), (1,), ())


def test_macros_of_the_options():
    code = 'extern "C" __global__ void f(int* y) { y[0] = N + FLAG; }'
    y = cupy.empty(1, np.int32)
    cupy.RawModule(code=code, options=("-DN=41", "-DFLAG", "--use_fast_math")).get_function("f")((1,), (1,), (y,))
    assert y.get() == [42]


def test_headers_of_the_options(tmp_path):
    header = tmp_path / "number.cuh"
    code = '#include "number.cuh"\nextern "C" __global__ void f(int* y) { y[0] = NUMBER; }'
    for number in (1, 2):  # an edited header is compiled again
        header.write_text(f"#define NUMBER {number}\n")
        y = cupy.empty(1, np.int32)
        cupy.RawModule(code=code, options=(f"-I{tmp_path}",)).get_function("f")((1,), (1,), (y,))
        assert y.get() == [number]


def test_every_thread_of_every_block_runs_once(module, check):
    grid, block = (2, 3, 2), (5, 4, 3)
    y = cupy.full(12 * 60, -1, np.int32)
    module.get_function("where")(grid, block, (y,))
    assert (y.get().reshape(12, 60) == np.arange(12)[:, None] * 10000 + np.arange(60)).all()


def test_dynamic_shared_memory(module, check):
    kernel = module.get_function("reversed")
    x, y = cupy.arange(256, dtype=np.float32), cupy.empty(256, np.float32)
    kernel((1,), (256,), (y, x, np.int32(256)), shared_mem=1024)
    assert (y == x[::-1]).all()


def test_votes_of_the_block(module, check):
    y = cupy.zeros(3, np.int32)
    with emulator.enable(check=False):
        module.get_function("votes")((1,), (70,), (y,))
    assert y.get().tolist() == [24, 0, 1]


def test_shared_memory_is_poisoned_before_each_block(module):
    y = cupy.zeros(256, np.float32)
    module.get_function("leftover")((4,), (64,), (y,))
    assert np.isnan(y.get()).all()


def test_float_denormals_are_flushed_but_not_double(module):
    x = cupy.asarray(np.array([1e-40, 2e-38], np.float32))
    y = cupy.empty(2, np.float32)
    module.get_function("halved")((1,), (2,), (y, x))
    assert y.get().tolist() == [0, 0]
    x = cupy.asarray(np.array([1e-310, 1]))
    y = cupy.empty(2)
    module.get_function("halved_double")((1,), (2,), (y, x))
    assert y.get().tolist() == [0.5e-310, 0.5]
    assert np.float32(1e-40) * np.float32(1) != 0  # outside kernels nothing has changed


def arrivals(module, threads=256, blocks=4):
    order, count = cupy.empty(threads * blocks, np.int32), cupy.zeros(1, np.int32)
    module.get_function("arrivals")((blocks,), (threads,), (order, count))
    return order.get().tolist()


def test_orders(module):
    everything = list(range(1024))
    with emulator.enable(order="forward"):
        assert arrivals(module) == everything
    with emulator.enable(order="reverse"):
        assert arrivals(module) == everything[::-1]
    found = []
    for _ in range(2):
        with emulator.enable(order="random", seed=3):
            found.append([arrivals(module), arrivals(module)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    with emulator.enable(order="random", seed=4):
        found[1] = [arrivals(module)]
    assert found[1][0] != found[0][0]
    for order in (*found[0], found[1][0]):
        assert sorted(order) == everything
        assert order[:32] != sorted(order[:32])
        assert [order[i] // 256 for i in range(0, 1024, 256)] != [0, 1, 2, 3] or [
            order[i] // 32 for i in range(0, 256, 32)
        ] != list(range(8))


def test_bits_that_depend_on_the_order_of_threads_are_a_fault(module):
    with emulator.enable(orders=3), pytest.raises(KernelError, match="random order 1 leaves other bits in order") as e:
        arrivals(module)
    assert [(report.kind, report.variable) for report in e.value.reports] == [("order", "order")]


def test_every_order_starts_from_the_same_memory(module):
    """Also where an array is read and written, and where only a table of addresses leads to it."""
    x, table = cupy.full(64, 8, np.float32), cupy.zeros(2, np.int64)
    with emulator.enable(orders=5):
        module.get_function("halved")((1,), (64,), (x, x))
        table[1] = x.data.ptr
        module.get_function("raised")((1,), (64,), (table,))
    assert (x == 5).all()


def test_faults_in_several_orders(module):
    with emulator.enable(orders=5), pytest.raises(KernelError, match="division by zero"):
        module.get_function("quotient")((1,), (1,), (cupy.zeros(2, np.int32), np.int32(0)))


def test_a_big_launch_takes_several_processor_cores(module):
    y = cupy.empty(1_000_003, np.float32)
    module.get_function("filled")((2000,), (256,), (y, np.int64(y.size), np.float32(2)))
    assert (y == 2).all()


def test_launches_from_several_threads(module):
    arrays = [cupy.empty(5000, np.float32) for _ in range(6)]

    def run(number):
        for _ in range(20):
            module.get_function("filled")((5,), (64,), (arrays[number], np.int64(5000), np.float32(number)))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((array == number).all() for number, array in enumerate(arrays))


def _fill_in_child(module):
    y = cupy.empty(100, np.float32)
    module.get_function("filled")((2,), (32,), (y, np.int64(100), np.float32(5)))
    if not (y == 5).all():
        raise SystemExit(3)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_launches_too(module):
    _fill_in_child(module)
    child = multiprocessing.get_context("fork").Process(target=_fill_in_child, args=(module,))
    child.start()
    child.join(60)
    assert child.exitcode == 0


SHAPES = [
    ((0,), (1,), 0, "every size is at least 1"),
    ((1,), (1025,), 0, "at most 1024 threads"),
    ((1,), (1, 1, 65), 0, "64 along z"),
    ((1, 65536), (1,), 0, "65535"),
    ((1,), (1,), (227 << 10) + 1, "at most 232448 bytes"),
    ((1,), (1,), (48 << 10) + 1, "set max_dynamic_shared_size_bytes, which is 49152"),
]


@pytest.mark.parametrize(("grid", "block", "shared", "words"), SHAPES)
def test_shapes_that_no_gpu_launches(module, grid, block, shared, words):
    with pytest.raises(EmulatorError, match=words):
        module.get_function("nothing")(grid, block, (), shared_mem=shared)


def test_more_shared_memory_once_it_is_asked_for(module, check):
    kernel = module.get_function("reversed")
    kernel.max_dynamic_shared_size_bytes = 227 << 10
    x, y = cupy.arange(4, dtype=np.float32), cupy.empty(4, np.float32)
    kernel((1,), (4,), (y, x, np.int32(4)), shared_mem=227 << 10)
    assert (y == x[::-1]).all()


FAULTS = [
    ("wild", (np.int64(1 << 45),), "bad address"),
    ("quotient", (np.int32(0),), "division by zero"),
    ("endless", (), "time limit"),
    ("deep", (np.int32(0),), "stack overflow"),
]


@pytest.mark.parametrize("blocks", [1, 2000])
@pytest.mark.parametrize(("kernel", "numbers", "kind"), FAULTS)
def test_faults_in_fast_mode_are_errors(module, kernel, numbers, kind, blocks):
    y = cupy.zeros(4, np.float32 if kernel == "wild" else np.int32)
    with emulator.enable(time_limit=0.3), pytest.raises(KernelError) as caught:
        module.get_function(kernel)((blocks,), (64,), (y, *numbers))
    assert kind in {report.kind for report in caught.value.reports}
    number = next(i for i, line in enumerate(TEXT.splitlines(), 1) if f" {kernel}(" in line)
    lines = range(number, number + (6 if kernel == "deep" else 1))
    assert caught.value.reports[0].place in {f"kernels.cu:{line}" for line in lines}
    test_dynamic_shared_memory(module, None)  # all is well again


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_faults_of_the_process_are_its_own(module, tmp_path):
    """faulthandler has the signals again after a launch."""

    def crash(path):
        with open(path, "w") as file:
            faulthandler.enable(file)
            module.get_function("nothing")((1,), (1,), ())
            faulthandler._sigsegv()

    child = multiprocessing.get_context("fork").Process(target=crash, args=(tmp_path / "log",))
    child.start()
    child.join(60)
    assert child.exitcode == -11
    assert "Segmentation fault" in (tmp_path / "log").read_text()


def test_settings_are_read_at_each_launch(module):
    kernel = module.get_function("leftover")
    y = cupy.zeros(64, np.float32)
    kernel((1,), (64,), (y,))
    with emulator.enable(check=True), pytest.raises(KernelError, match="tile, which nobody has written"):
        kernel((1,), (64,), (y,))
    kernel((1,), (64,), (y,))


def test_with_blocks_nest():
    before = Current.settings
    with emulator.enable(order="forward", seed=1):
        with emulator.enable(check=True, order="reverse"):
            assert (Current.settings.check, Current.settings.order) == (True, "reverse")
        assert (Current.settings.check, Current.settings.order, Current.settings.seed) == (False, "forward", 1)
    assert Current.settings is before


COOPERATIVE = r"""
extern "C" __global__ void relayed(int* y, const int* x, int rounds) {
  __shared__ int own;
  for (int k = 0; k < rounds; ++k) {
    if (threadIdx.x == 0) own = k % 2 ? y[(blockIdx.x + 1) % gridDim.x] : x[(blockIdx.x + 1) % gridDim.x];
    __syncthreads();
    gpunn_emulator::grid_barrier(gpunn_emulator::here());
    if (threadIdx.x == 0) y[blockIdx.x] = own + k;
    gpunn_emulator::grid_barrier(gpunn_emulator::here());
  }
}
extern "C" __global__ void unordered(int* y, const int* x) {
  y[blockIdx.x] = x[blockIdx.x];
  if (x[0] == 100) gpunn_emulator::grid_barrier(gpunn_emulator::here());
  y[8 + blockIdx.x] = y[(blockIdx.x + 1) % gridDim.x];
}
extern "C" __global__ void left_alone(int* y, const int* x) {
  if (blockIdx.x == 0) return;
  gpunn_emulator::grid_barrier(gpunn_emulator::here());
}
"""


@pytest.fixture(scope="module")
def cooperative():
    return cupy.RawModule(code=COOPERATIVE, enable_cooperative_groups=True)


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_all_blocks_of_a_cooperative_launch_meet(cooperative, check, order):
    x, y = cupy.arange(100, 108, dtype=np.int32), cupy.empty(8, np.int32)
    with emulator.enable(check=check, order=order):
        cooperative.get_function("relayed")((8,), (40,), (y, x, np.int32(3)))
    assert y.get().tolist() == (np.roll(np.arange(100, 108), -1) + 2).tolist()  # of round 2: x + 2


def test_a_race_between_blocks_that_do_not_meet(cooperative):
    y = cupy.empty(16, np.int32)
    with emulator.enable(check=True):
        kernel = cooperative.get_function("unordered")
        kernel((8,), (1,), (y, cupy.arange(100, 108, dtype=np.int32)))
        with pytest.raises(KernelError, match=r"race: .* of y\[\d\], which thread .* of block \d"):
            kernel((8,), (1,), (y, cupy.arange(8, dtype=np.int32)))


def test_a_block_that_does_not_come(cooperative, check):
    y = cupy.empty(16, np.int32)
    with pytest.raises(KernelError, match="waits at the grid barrier, but 1 of 4 blocks have exited"):
        cooperative.get_function("left_alone")((4,), (33,), (y, y))


def test_a_cooperative_launch_with_too_many_blocks(cooperative):
    y = cupy.empty(16, np.int32)
    with pytest.raises(EmulatorError, match="all its blocks resident, 8 of this size, not 9"):
        cooperative.get_function("left_alone")((9,), (1024,), (y, y))
