"""NVRTC through ctypes: what it makes, what is read from its log, where it is found, what is said if it is not."""

import importlib
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gpunn.errors import GpunnError, UnsupportedError
from gpunn.kernels import nvrtc
from gpunn.kernels.nvrtc import CompileError, Report, Resources

needs_nvrtc = pytest.mark.skipif(nvrtc.problem() is not None, reason=f"{nvrtc.problem()}")

PLAIN = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>
extern "C" __global__ void __launch_bounds__(256) reverse(float* y, const __half* x, int n) {
  __shared__ float staged[300];
  staged[threadIdx.x] = __half2float(x[threadIdx.x]);
  __syncthreads();
  y[threadIdx.x] = staged[255 - threadIdx.x];
}
extern "C" __global__ void fill(double* y) { *y = 1; }
"""
# 100 live values do not fit the 32 registers that two blocks of 1024 threads leave to a thread.
SPILLS = """
extern "C" __global__ void __launch_bounds__(1024, 2) crowded(float* y, int n) {
  float values[100];
#pragma unroll
  for (int i = 0; i < 100; ++i) values[i] = y[i * n];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 100; ++i) sum += sum * values[i] * values[99 - i];
#pragma unroll
  for (int i = 0; i < 100; ++i) y[i * n] = values[i] + sum;
}
"""
# What lies at an index that only the run knows must lie in memory: 400 bytes of stack.
STACK = """
extern "C" __global__ void picked(float* y, int n) {
  float values[100];
  for (int i = 0; i < 100; ++i) values[i] = y[i];
  y[0] = values[n];
}
"""
# A function that is not inlined has a frame of its own, below that of the kernel.
CALLS = (
    STACK.replace('extern "C" __global__ void picked', "__device__ __noinline__ void pick")
    + 'extern "C" __global__ void calls(float* y, int n) { pick(y, n); }'
)
WARNS = '#line 7 "planted.cu"\nextern "C" __global__ void unused(float* y) { int never; y[0] = 1; }\n'
WRONG = '#line 9 "planted.cu"\nextern "C" __global__ void broken(float* y) { y[0] = missing; }\n'

# As NVRTC 12.9 writes it for sm_75; the function after `calls` belongs to it.
LOG = """ptxas info    : 24 bytes gmem, 28 bytes cmem[3]
ptxas info    : Compiling entry function 'calls' for 'sm_75'
ptxas info    : Function properties for calls
ptxas         .     16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 39 registers, used 1 barriers, 56 bytes cumulative stack size, 1200 bytes smem, \
376 bytes cmem[0], 16 bytes cmem[2]
ptxas info    : Compile time = 11.708 ms
ptxas info    : Function properties for _Z1ff
ptxas         .     40 bytes stack frame, 12 bytes spill stores, 24 bytes spill loads
ptxas info    : Compiling entry function 'fill' for 'sm_75'
ptxas info    : Function properties for fill
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 4 registers, used 0 barriers
"""


def test_resources_are_read_from_the_log():
    assert Report(LOG).resources == {
        "calls": Resources(registers=39, shared=1200, stack=56, spill_stores=16, spill_loads=32, constant=392),
        "fill": Resources(registers=4),
    }


def test_a_log_of_an_unknown_form_is_an_error():
    with pytest.raises(GpunnError, match="says nothing of registers"):
        Report(LOG.replace("Used", "Needed")).resources  # noqa: B018


@pytest.mark.parametrize(
    "line",
    [
        'relu.cu(7): warning #177-D: variable "unused" was declared but never referenced',
        "ptxas warning : Value of threads per SM for entry spill is out of range. .minnctapersm will be ignored",
        "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized",
    ],
)
def test_warnings_are_read_from_the_log(line):
    remark = 'Remark: The warnings can be suppressed with "-diag-suppress <warning-number>"'
    assert Report(f"{line}\n  int unused;\n      ^\n\n{remark}\n{LOG}").warnings == (line,)
    assert Report(LOG).warnings == ()


@needs_nvrtc
@pytest.mark.parametrize("arch", [75, 80, 90, 100])
def test_compile(arch):
    compiled = nvrtc.compile(PLAIN, arch)
    assert compiled.cubin.startswith(b"\x7fELF")
    assert b"reverse" in compiled.cubin
    assert compiled.warnings == ()
    assert set(compiled.resources) == {"reverse", "fill"}
    reverse = compiled.resources["reverse"]
    assert reverse.shared == 300 * 4 and 0 < reverse.registers <= 32
    assert reverse.stack == reverse.spill_stores == reverse.spill_loads == 0
    assert compiled.resources["fill"].shared == 0


@needs_nvrtc
def test_spills_stack_and_warnings_are_seen():
    crowded = nvrtc.compile(SPILLS, 90).resources["crowded"]
    assert crowded.registers <= 32 and crowded.spill_stores > 0 and crowded.spill_loads > 0
    assert nvrtc.compile(STACK, 90).resources["picked"].stack == 400
    assert nvrtc.compile(CALLS, 90).resources["calls"].stack >= 400
    (warning,) = nvrtc.compile(WARNS, 90).warnings
    assert warning.startswith("planted.cu(7): warning") and "never" in warning


@needs_nvrtc
def test_a_refused_source_is_an_error_with_its_place():
    with pytest.raises(CompileError, match=r"sm_90: planted\.cu\(9\): error: .*missing") as caught:
        nvrtc.compile(WRONG, 90)
    assert caught.value.report.failed
    assert 'planted.cu(9): error: identifier "missing"' in caught.value.report.log


@needs_nvrtc
def test_an_unknown_architecture_is_an_error():
    with pytest.raises(CompileError, match=r"sm_7: .*architecture"):
        nvrtc.compile(PLAIN, 7)


@needs_nvrtc
def test_compile_with_the_options_of_a_launch():
    """A denormal is flushed by -ftz=true, and C++17 is on: both as CuPy compiles."""
    text = """static_assert(__cplusplus == 201703L);
    extern "C" __global__ void add(float* y, float x) { *y += x; }"""
    flushing = nvrtc.compile(text, 90)
    assert flushing.cubin != nvrtc.compile(text, 90, ["-std=c++17", "-ftz=false"]).cubin
    with pytest.raises(CompileError, match="static assertion failed"):
        nvrtc.compile(text, 90, ["-std=c++14"])


@needs_nvrtc
def test_threads_compile_at_once():
    texts = [PLAIN.replace("300", str(300 + i)) for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(nvrtc.compile, texts, [80] * 12))
    assert [m.resources["reverse"].shared for m in made] == [4 * (300 + i) for i in range(12)]


@needs_nvrtc
def test_a_compiler_says_what_it_is():
    compiler = nvrtc.compilers()[0]
    assert (compiler.headers / "cuda_bf16.h").is_file()
    assert {75, 80, 90, 100} <= set(compiler.architectures)
    assert repr(compiler) == f"<NVRTC {compiler.version[0]}.{compiler.version[1]}, {compiler.library}>"


# Where it is found: in folders of the environment, by CuPy's finder, in toolkits. Here all of them are made up.


class Played:
    """A compiler that only says where it would be."""

    def __init__(self, library: Path, headers: Path) -> None:
        if library.read_text() == "broken":
            raise OSError(library)
        self.library, self.headers = library, headers
        self.version = (int(library.suffix[1:]), 0)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without CUDA, on which the files named come to lie; the root of its file system."""
    nvcc = tmp_path / "toolkit" / "bin" / "nvcc"
    monkeypatch.setattr(nvrtc, "Compiler", Played)
    monkeypatch.setattr(nvrtc, "TOOLKITS", (tmp_path / "usr",))
    monkeypatch.setattr(nvrtc.shutil, "which", lambda name: str(nvcc) if nvcc.is_file() else None)
    monkeypatch.setattr(nvrtc, "_wheel_folders", lambda: [tmp_path / "site" / "nvidia"])
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    nvrtc.compilers.cache_clear()
    yield tmp_path
    nvrtc.compilers.cache_clear()


def put(root, *files, text=""):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


WHEEL_12 = ("site/nvidia/cuda_nvrtc/lib/libnvrtc.so.12", "site/nvidia/cuda_runtime/include/cuda_fp16.h")
WHEEL_13 = ("site/nvidia/cu13/lib/libnvrtc.so.13", "site/nvidia/cu13/include/cuda_fp16.h")
TOOLKIT = ("toolkit/bin/nvcc", "toolkit/lib64/libnvrtc.so.11", "toolkit/include/cuda_fp16.h")
SYSTEM = ("usr/lib/x86_64-linux-gnu/libnvrtc.so.10", "usr/include/cuda_fp16.h")


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        (WHEEL_12, [12]),
        (WHEEL_13, [13]),
        (TOOLKIT, [11]),
        (SYSTEM, [10]),
        ((*SYSTEM, *TOOLKIT, *WHEEL_13, *WHEEL_12), [12, 13, 11, 10]),
        ((*WHEEL_12, "site/nvidia/cuda_nvrtc/lib/libnvrtc.alt.so.12"), [12]),
        ((*WHEEL_12, "usr/lib64/libnvrtc.so.12", "usr/include/cuda_fp16.h"), [12]),
        ((WHEEL_12[0], WHEEL_13[1]), []),
    ],
)
def test_compilers(machine, files, versions):
    put(machine, *files)
    assert [compiler.version[0] for compiler in nvrtc.compilers()] == versions


def test_the_compiler_that_cupy_finds(machine, monkeypatch):
    class NotFound(RuntimeError):
        pass

    def load(name):
        if not (machine / "env" / "libnvrtc.so.12").is_file():
            raise NotFound(name)
        return types.SimpleNamespace(abs_path=str(machine / "env" / "libnvrtc.so.12"))

    finder = types.SimpleNamespace(
        load_nvidia_dynamic_lib=load, find_nvidia_header_directory=lambda name: str(machine / "env")
    )
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    monkeypatch.setitem(sys.modules, "cuda", types.SimpleNamespace(pathfinder=finder))
    assert nvrtc.compilers() == ()
    nvrtc.compilers.cache_clear()
    put(machine, "env/libnvrtc.so.12", "env/cuda_fp16.h")
    assert [c.library for c in nvrtc.compilers()] == [machine / "env" / "libnvrtc.so.12"]


def test_the_problem_says_what_to_install(machine):
    command = "python -m pip install nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12"
    assert nvrtc.problem() == f"NVRTC is not installed: {command}"
    with pytest.raises(UnsupportedError, match="NVRTC is not installed"):
        nvrtc.compile(PLAIN, 90)
    put(machine, WHEEL_12[0])
    assert "headers (cuda_fp16.h)" in nvrtc.problem() and nvrtc.problem().endswith(command)
    put(machine, *WHEEL_12, text="broken")
    nvrtc.compilers.cache_clear()
    assert "does not load" in nvrtc.problem()
    put(machine, *WHEEL_12)
    nvrtc.compilers.cache_clear()
    assert nvrtc.problem() is None


def test_a_file_that_is_no_library_is_passed_over(tmp_path):
    (tmp_path / "libnvrtc.so.12").write_text("not a library")
    assert nvrtc._load(tmp_path / "libnvrtc.so.12", tmp_path) is None


def test_wheel_folders_may_be_missing(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    assert nvrtc._wheel_folders() == []
