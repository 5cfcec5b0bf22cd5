// Products of matrices on tensor cores, whose operands lie either way round. Used by
// kernels/conv/pointwise*.cu, with constants BM, BN, WM, WN, STAGES and BLOCK.
#pragma once
#include "conv/tensor_core.cuh"

// A block computes BM x BN sums, a warp WM x WN of them, from STAGES stages of DEPTH products:
// tiles of 128 bytes of products of BM rows and of BN columns.
constexpr int DEPTH = 8 * ELEMENTS, STAGE = (BM + BN) * 8;
constexpr int WARPS_M = BM / WM, TILES_M = WM / 16, TILES_N = WN / 8;
using SumLane = Lane<WARPS_M, WM, WN>;
using Sums = float[TILES_M][TILES_N][4];

// At most `most` of what is left.
__device__ __forceinline__ int part_of(long long left, int most) {
  return static_cast<int>(min(left, static_cast<long long>(most)));
}

// One operand: `rows` rows (or columns) from `first` on, of `depth` products. INSIDE: the products
// of a row lie side by side, rows are `pitch` apart; else the rows of a product, products are
// `pitch` apart. There is one such matrix for each image, `image` elements apart.
template <int WIDTH, bool INSIDE>
struct Operand {
  static constexpr int CHUNKS = INSIDE ? 8 : WIDTH / ELEMENTS;
  static constexpr int LINES = BLOCK / CHUNKS, COUNT = WIDTH * 8 / BLOCK;
  const T* first;
  long long pitch, image;
  int depth, rows;

  // A thread's part of a stage: one chunk of some lines, zeros where the matrix has ended.
  __device__ __forceinline__ void fetch(uint4* tile, long long number, int product) const {
    const int line = threadIdx.x / CHUNKS, across = threadIdx.x % CHUNKS * ELEMENTS;
    const int left = depth - product;
    const int lines = INSIDE ? rows : left, width = INSIDE ? left : rows;
    const T* source =
        first + number * image + (INSIDE ? product : product * pitch) + line * pitch + across;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const bool is_there = across < width && line + i * LINES < lines;
      uint4* target = mixed_chunk<INSIDE, CHUNKS>(tile, line + i * LINES, across / ELEMENTS);
      cp_async<16>(target, is_there ? source + i * LINES * pitch : first, is_there);
    }
  }
};

// The products one after the other, a stage at a time: those of an image, then of the next.
struct Walk {
  long long image;
  int product, depth;

  __device__ __forceinline__ void advance() {
    const bool is_last = depth - product <= DEPTH;
    product = is_last ? 0 : product + DEPTH;
    image += is_last;
  }
};

template <bool A_INSIDE, bool B_INSIDE>
__device__ __forceinline__ void multiply(Sums& sum, uint4* stage) {
  const int warp = threadIdx.x / WARP, row = warp % WARPS_M * WM, column = warp / WARPS_M * WN;
#pragma unroll
  for (int k = 0; k < DEPTH; k += PRODUCTS) {
    unsigned a[TILES_M][4];
#pragma unroll
    for (int i = 0; i < TILES_M; ++i) load_left<A_INSIDE, BM>(a[i], stage, k, row + i * 16);
    multiply_columns<B_INSIDE, BN>(sum, a, stage + BM * 8, k, column);
  }
}

// Add the products of `steps` stages, from `walk` on. `memory`: STAGES stages, free. What is still
// under way at the end are empty groups.
template <bool A_INSIDE, bool B_INSIDE>
__device__ __forceinline__ void sum_products(Sums& sum, uint4* memory,
                                             const Operand<BM, A_INSIDE>& a,
                                             const Operand<BN, B_INSIDE>& b, Walk walk, int steps) {
  for (int step = 1 - STAGES; step < steps; ++step) {
    if (step >= 0) {
      cp_async_wait<STAGES - 2>();
      __syncthreads();  // this step's stage is there, the last one's is free
    }
    const int next = step + STAGES - 1;
    if (next < steps) {
      uint4* stage = memory + next % STAGES * STAGE;
      a.fetch(stage, walk.image, walk.product);
      b.fetch(stage + BM * 8, walk.image, walk.product);
      walk.advance();
    }
    cp_async_commit();
    if (step >= 0) multiply<A_INSIDE, B_INSIDE>(sum, memory + step % STAGES * STAGE);
  }
}
