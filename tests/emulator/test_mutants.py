"""Mutants are made where a fault could be, nowhere else, and the emulator's checks and a comparison notice them."""

from __future__ import annotations

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator import EmulatorError
from gpunn.emulator.namespace import cupy
from tests.emulator.launching import needs_compiler
from tests.emulator.mutants import mutants

TEXT = """// a < b, __syncthreads();
#define HALF(a) (a - 1)
template <class T, int N = (3 > 2)> __device__ T f(T a, T b) { return static_cast<T>(a) < b ? a : b; }
extern "C" __global__ void k(float* y, const float* x, int n) {
  __shared__ float tile[64 + 1];
  cp_async_wait<0>();
  if (threadIdx.x >= n && n > 0) return;
  __syncthreads();  /* x[1] - 1 */
  for (int i = 0; i < n; ++i) y[i + 2] += x[i] - tile[n - 1];
}
#ifdef GPUNN_EMULATED
__device__ void grid_barrier(int a) { f(*(&a + 0), a - 0); }
#else
#if __CUDA_ARCH__ >= 800
__device__ int g(int a) { __syncthreads(); return a + 1; }
#endif
__device__ int h(int a) { return a < 1; }
#endif
__device__ int i(int a) { return a + 0x10; }
__device__ int k(int j) {
  __shared__ __align__(16) Tile gradient[2];
  A a[SIDE], b[SIDE][SIDE];
  const Pair<int, 2> pairs[N];
  return a[j];
}
"""


def test_places():
    assert [description for description, _ in mutants(TEXT)] == [
        "line 3: loosen: < becomes <=",
        "line 5: swap: + becomes -",
        "line 6: drop: cp_async_wait<0>(); becomes nothing",
        "line 7: drop a condition: if (threadIdx.x >= n && n > 0) becomes if (true)",
        "line 7: loosen: >= becomes + 1 >=",
        "line 7: drop a condition: && becomes ||",
        "line 7: loosen: > becomes >=",
        "line 8: drop: __syncthreads(); becomes nothing",
        "line 9: loosen: < becomes <=",
        "line 9: shift an index: [i + 2] becomes [(i + 2) + 1]",
        "line 9: swap: + becomes -",
        "line 9: swap: += becomes -=",
        "line 9: shift an index: [i] becomes [(i) + 1]",
        "line 9: swap: - becomes +",
        "line 9: shift an index: [n - 1] becomes [(n - 1) + 1]",
        "line 9: swap: - becomes + (again: 2)",
        "line 19: swap: + becomes -",
        "line 24: shift an index: [j] becomes [(j) + 1]",
    ]


def test_each_changes_its_line_only():
    for description, text in mutants(TEXT):
        line = int(description.split()[1].rstrip(":"))
        before, after = TEXT.splitlines(), text.splitlines()
        assert [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [line]


SUMS = """extern "C" __global__ void sums(float* y, const float* x, int rows, int length) {
  __shared__ float partial[64];
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    float sum = 0;
    for (int i = threadIdx.x; i < length; i += 64) sum += x[row * length + i];
    __syncthreads();
    partial[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
      if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
      __syncthreads();
    }
    if (threadIdx.x == 63) y[row] = partial[0];
  }
}
"""


def notices(text):
    """Whether check mode or a wrong result tells that something is wrong with a text of `sums`."""
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (3, 100)).astype(np.float32)
    y = cupy.empty(3, np.float32)
    with emulator.enable(check=True, time_limit=1):
        try:
            kernel = cupy.RawModule(code=text).get_function("sums")
            kernel((2,), (64,), (y, cupy.asarray(x), np.int32(3), np.int32(100)))
        except EmulatorError:
            return True
    return y.get().tolist() != x.sum(1).tolist()


@needs_compiler
def test_the_kernel_itself_is_right():
    assert not notices(SUMS)


@needs_compiler
@pytest.mark.parametrize(("description", "text"), mutants(SUMS), ids=lambda value: value[:40].replace("\n", " "))
def test_mutants_are_noticed(description, text):
    assert notices(text)
