"""Kernels around every instruction of kernels/ptx.cuh, and which lane holds which element of their matrices."""

import ml_dtypes
import numpy as np

TYPES = {"tf32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
TEXT = """
#include "ptx.cuh"

extern "C" __global__ void mma_{type}_tiles(float* d, const unsigned int* a, const unsigned int* b, const float* c) {
  unsigned int ra[4], rb[2];
  float rc[4], rd[4];
  const int thread = blockIdx.x * 32 + threadIdx.x;
  for (int k = 0; k < 4; ++k) ra[k] = a[4 * thread + k];
  for (int k = 0; k < 2; ++k) rb[k] = b[2 * thread + k];
  for (int k = 0; k < 4; ++k) rc[k] = c[4 * thread + k];
  if (blockIdx.x % 2) {
    mma_{type}(rd, ra, rb, rc);
  } else {  // in place
    mma_{type}(rc, ra, rb, rc);
    for (int k = 0; k < 4; ++k) rd[k] = rc[k];
  }
  for (int k = 0; k < 4; ++k) d[4 * thread + k] = rd[k];
}
"""
LDMATRIX = """
extern "C" __global__ void ldmatrix_x{count}{form}_rows(unsigned int* y, const unsigned short* x, const int* rows) {
  __shared__ __align__(16) unsigned short tile[32 * 8];
  for (int i = threadIdx.x; i < 256; i += 32) tile[i] = x[i];
  __syncwarp();
  unsigned int r[{count}];
  ldmatrix_x{count}{form}(r, tile + 8 * rows[threadIdx.x]);
  for (int k = 0; k < {count}; ++k) y[{count} * threadIdx.x + k] = r[k];
}
"""
OTHERS = """
extern "C" __global__ void rounded(unsigned int* y, const float* x, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = to_tf32(x[i]);
}

// Copies `stages` tiles of 4 words a thread ahead, and waits for one at a time.
template <int BYTES>
__device__ void pipelined(unsigned int* y, const unsigned int* x, int tiles, int n) {
  constexpr int WORDS = BYTES / 4;
  __shared__ __align__(16) unsigned int ring[3][32 * 4];
  const int thread = threadIdx.x;
  for (int t = 0; t < tiles + 2; ++t) {
    if (t < tiles) {
      const int at = (t * 32 + thread) * WORDS;
      const bool there = at + WORDS <= n;
      cp_async<BYTES>(&ring[t % 3][thread * WORDS], there ? x + at : x, there);
    }
    cp_async_commit();
    if (t < 2) continue;
    cp_async_wait<2>();
    __syncthreads();
    const int from = (thread + 1) % 32;
    for (int k = 0; k < WORDS; ++k) y[((t - 2) * 32 + thread) * WORDS + k] = ring[(t - 2) % 3][from * WORDS + k];
    __syncthreads();
  }
}
extern "C" __global__ void misaligned(unsigned int* y) {
  __shared__ __align__(16) unsigned short tile[33 * 8];
  for (int i = threadIdx.x; i < 33 * 8; i += 32) tile[i] = 0;
  __syncwarp();
  unsigned int r[1];
  ldmatrix_x1(r, tile + 8 * threadIdx.x + 1);
  y[threadIdx.x] = r[0];
}

extern "C" __global__ void half_a_warp(float* y) {
  unsigned int a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
  float c[4] = {0, 0, 0, 0};
  if (threadIdx.x < 16) mma_f16(c, a, b, c);
  y[threadIdx.x] = c[0];
}

extern "C" __global__ void copied_4(unsigned int* y, const unsigned int* x, int tiles, int n) {
  pipelined<4>(y, x, tiles, n);
}
extern "C" __global__ void copied_8(unsigned int* y, const unsigned int* x, int tiles, int n) {
  pipelined<8>(y, x, tiles, n);
}
extern "C" __global__ void copied_16(unsigned int* y, const unsigned int* x, int tiles, int n) {
  pipelined<16>(y, x, tiles, n);
}
"""
GRID = """
#include "ptx.cuh"

// A sum over all threads, by passing values around the grid: round r adds what thread i + r wrote.
extern "C" __global__ void around(int* total, int* values, unsigned long long* counter) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  int sum = 0;
  for (int round = 0; round < 3; ++round) {
    values[i] = (round + 1) * i;
    grid_barrier(counter);
    for (int k = 0; k < n; ++k) sum += values[k];
    grid_barrier(counter);
  }
  total[i] = sum;
}
"""


def text():
    """The kernels of all instructions but the grid barrier."""
    yield from (TEXT.replace("{type}", name) for name in TYPES)
    for count in (1, 2, 4):
        for form in ("", "_trans"):
            yield LDMATRIX.replace("{count}", str(count)).replace("{form}", form)
    yield OTHERS


# Which lane holds which element, as the PTX ISA writes it: groupID = lane / 4, threadID_in_group = lane % 4.


def a_of_tf32(lane, i):
    """m16n8k8, a0 to a3: row groupID for a0 and a2, else groupID + 8; column threadID for i < 2, else + 4."""
    return lane // 4 + (8 if i in (1, 3) else 0), lane % 4 + (4 if i >= 2 else 0)


def b_of_tf32(lane, i):
    """m16n8k8, b0 and b1: row threadID_in_group + 4 i, column groupID."""
    return lane % 4 + 4 * i, lane // 4


def a_of_half(lane, i):
    """m16n8k16, a0 to a7: row groupID for a0, a1, a4, a5, else + 8; column 2 threadID + (i & 1), + 8 for i >= 4."""
    return lane // 4 + (0 if i in (0, 1, 4, 5) else 8), lane % 4 * 2 + (i & 1) + (8 if i >= 4 else 0)


def b_of_half(lane, i):
    """m16n8k16, b0 to b3: row 2 threadID + (i & 1), + 8 for i >= 2; column groupID."""
    return lane % 4 * 2 + (i & 1) + (8 if i >= 2 else 0), lane // 4


def c_of(lane, i):
    """c0 to c3: row groupID for i < 2, else + 8; column 2 threadID_in_group + (i & 1)."""
    return lane // 4 + (0 if i < 2 else 8), lane % 4 * 2 + (i & 1)


def fragments(tile, place, count):
    """The elements of a tile lane by lane."""
    return np.array([[tile[place(lane, i)] for i in range(count)] for lane in range(32)])


def as_words(values):
    return np.ascontiguousarray(values).view(np.uint32)


def tiles(name, rng, count=6):
    k = 8 if name == "tf32" else 16
    dtype = TYPES[name]
    return rng.normal(size=(count, 16, k)).astype(dtype), rng.normal(size=(count, k, 8)).astype(dtype)


def cut(x):
    """A float32 as a tensor core reads it: 10 digits after the point."""
    return (x.view(np.uint32) & 0xFFFFE000).view(np.float32)


def multiplied(kernels, name, a, b, c):
    """D of tiles: a (n, 16, K), b (n, K, 8), c (n, 16, 8). `kernels` launches one by its name (launching.Kernels)."""
    per_word = 1 if name == "tf32" else 2
    place_a, place_b = (a_of_tf32, b_of_tf32) if name == "tf32" else (a_of_half, b_of_half)
    words_a = np.stack([as_words(fragments(tile, place_a, 4 * per_word)) for tile in a])
    words_b = np.stack([as_words(fragments(tile, place_b, 2 * per_word)) for tile in b])
    lanes_c = np.stack([fragments(tile, c_of, 4) for tile in c]).astype(np.float32)
    got = kernels(f"mma_{name}_tiles", np.zeros_like(lanes_c), words_a, words_b, lanes_c, blocks=len(a))[0]
    d = np.zeros(c.shape, np.float32)
    for n, lane, i in np.ndindex(got.shape):
        d[(n, *c_of(lane, i))] = got[n, lane, i]
    return d
