"""Kernels that do by the rules what is easily done against them: right in any order, and no report in check mode."""

from __future__ import annotations

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.namespace import cupy
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TEXT = r"""
using gpunn_emulator::cp_async;
using gpunn_emulator::cp_async_commit;
using gpunn_emulator::cp_async_wait;

// Called again and again with one buffer: the second barrier lets nobody write before all have read.
__device__ float block_sum(float value, float* partial) {
  for (int half = 16; half > 0; half /= 2) value += __shfl_xor_sync(0xffffffffu, value, half);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < blockDim.x / 32; ++warp) sum += partial[warp];
  __syncthreads();
  return sum;
}
extern "C" __global__ void centred(float* y, const float* x, int rows, int length) {
  __shared__ float partial[8];
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    float sum = 0, squares = 0;
    for (int i = threadIdx.x; i < length; i += blockDim.x) sum += x[row * length + i];
    const float mean = block_sum(sum, partial) / length;
    for (int i = threadIdx.x; i < length; i += blockDim.x) {
      const float distance = x[row * length + i] - mean;
      squares += distance * distance;
    }
    const float variance = block_sum(squares, partial) / length;
    for (int i = threadIdx.x; i < length; i += blockDim.x) {
      y[row * length + i] = (x[row * length + i] - mean) / sqrtf(variance);
    }
  }
}

// Three tiles under way: while one is summed, the next two arrive.
extern "C" __global__ void pipelined(float* y, const float* x, int tiles) {
  extern __shared__ __align__(16) float stages[];
  float sum = 0;
  for (int tile = 0; tile < 2; ++tile) {
    if (tile < tiles) cp_async<16>(stages + tile * 256 + 4 * threadIdx.x, x + tile * 256 + 4 * threadIdx.x);
    cp_async_commit();
  }
  for (int tile = 0; tile < tiles; ++tile) {
    cp_async_wait<1>();
    __syncthreads();
    const int next = tile + 2;
    if (next < tiles) cp_async<16>(stages + next % 3 * 256 + 4 * threadIdx.x, x + next * 256 + 4 * threadIdx.x);
    cp_async_commit();
    for (int k = 0; k < 4; ++k) sum += stages[tile % 3 * 256 + 255 - threadIdx.x - 64 * k];
  }
  cp_async_wait<0>();
  y[threadIdx.x] = sum;
}

// The halves of each warp go different ways, with barriers of their own, and meet again.
extern "C" __global__ void half_warps(int* y, const int* x) {
  __shared__ int tile[64];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 * 32;
  if (lane < 16) {
    tile[threadIdx.x] = x[threadIdx.x];
    __syncwarp(0x0000ffffu);
    const int other = tile[warp + 15 - lane];
    __syncwarp(0x0000ffffu);
    tile[threadIdx.x] = other + 1;
  } else {
    int value = x[threadIdx.x];
    for (int half = 8; half > 0; half /= 2) value = max(value, __shfl_xor_sync(0xffff0000u, value, half));
    tile[threadIdx.x] = value;
  }
  __syncwarp();
  y[threadIdx.x] = tile[warp + (lane + 16) % 32];
}

extern "C" __global__ void histogram(int* counts, const unsigned char* x, int n) {
  __shared__ int own[64];
  own[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&own[x[i] % 64], 1);
  __syncthreads();
  if (own[threadIdx.x] > 0) atomicAdd(&counts[threadIdx.x], own[threadIdx.x]);
}

// Lanes that have no work leave; the rest of the last warp goes on without them.
extern "C" __global__ void partial_warp(int* y, const int* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const unsigned mask = __ballot_sync(0xffffffffu, true);
  y[i] = __popc(mask) * 1000 + __shfl_sync(mask, x[i], 0);
}

// One piece of shared memory for floats and then for pairs of halves and bytes.
extern "C" __global__ void reused(float* y, const float* x) {
  extern __shared__ __align__(16) unsigned char memory[];
  float* floats = reinterpret_cast<float*>(memory);
  floats[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  const float value = floats[63 - threadIdx.x];
  __syncthreads();
  reinterpret_cast<__half*>(memory)[threadIdx.x] = __float2half(value);
  __syncthreads();
  const float2 pair = __half22float2(reinterpret_cast<__half2*>(memory)[threadIdx.x / 2]);
  __syncthreads();
  memory[63 - threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = pair.x + pair.y + 1000.0f * memory[threadIdx.x];
}

// Each thread's elements are its own: no order is needed, also where they share words and blocks.
extern "C" __global__ void own_bytes(unsigned char* y, int n) {
  for (int round = 0; round < 3; ++round)
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
      y[i] = round == 0 ? i % 7 : y[i] * 2;
}

// The last block to finish adds up what the others have left.
extern "C" __global__ void total(float* y, float* partial, int* done, const float* x, int n) {
  __shared__ float sums[8];
  __shared__ bool is_last;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
  sum = block_sum(sum, sums);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    is_last = atomicAdd(done, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  sum = block_sum(threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0, sums);
  if (threadIdx.x == 0) *y = sum;
}
"""


@pytest.fixture(scope="module")
def module():
    return cupy.RawModule(code=TEXT)


@pytest.fixture(params=["checked", "forward", "reverse", "random"])
def run(request, module):
    """Launch a kernel on NumPy arrays, the first of which comes back."""

    def launch(name, grid, block, *args, shared=0):
        arrays = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        module.get_function(name)((grid,), (block,), arrays, shared_mem=shared)
        return arrays[0].get()

    order = "random" if request.param == "checked" else request.param
    with emulator.enable(check=request.param == "checked", order=order, seed=1):
        yield launch


def integers(shape, low, high, dtype):
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def test_reductions_with_one_buffer(run):
    x = integers((5, 300), -9, 9, np.float32)
    y = run("centred", 2, 96, np.zeros_like(x), x, np.int32(5), np.int32(300))
    np.testing.assert_allclose(y, (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tiles", [1, 2, 3, 7])
def test_pipeline_of_copies(tiles, run):
    x = integers((tiles, 4, 64), -9, 9, np.float32)
    y = run("pipelined", 1, 64, np.zeros(64, np.float32), x, np.int32(tiles), shared=3 * 1024)
    assert (y == x.sum((0, 1))[::-1]).all()


def test_half_warps(run):
    x = integers((2, 2, 16), -99, 99, np.int32)
    y = run("half_warps", 1, 64, np.zeros_like(x), x)
    assert (y[:, 0] == x[:, 1].max(1, keepdims=True)).all()
    assert (y[:, 1] == x[:, 0, ::-1] + 1).all()


def test_histogram(run):
    x = integers(1000, 0, 256, np.uint8)
    y = run("histogram", 3, 64, np.zeros(64, np.int32), x, np.int32(1000))
    assert (y == np.bincount(x % 64, minlength=64)).all()


def test_a_warp_that_is_not_full(run):
    x = np.arange(83, dtype=np.int32)
    y = run("partial_warp", 2, 64, np.zeros_like(x), x, np.int32(83))
    assert (y == np.where(x < 64, 32000, 19000) + x // 32 * 32).all()


def test_shared_memory_of_several_types(run):
    x = integers(64, -9, 9, np.float32)
    y = run("reused", 1, 64, np.zeros_like(x), x, shared=256)
    assert (y == x[::-1].reshape(32, 2).sum(1).repeat(2) + 1000 * np.arange(64)[::-1]).all()


def test_bytes_of_one_word(run):
    y = run("own_bytes", 3, 32, np.zeros(301, np.uint8), np.int32(301))
    assert (y == np.arange(301) % 7 * 4).all()


def test_last_block_adds_up(run):
    x = integers(5000, -9, 9, np.float32)
    zeros = [np.zeros(1, np.float32), np.zeros(9, np.float32), np.zeros(1, np.int32)]
    assert run("total", 9, 64, *zeros, x, np.int32(5000)) == x.sum()
