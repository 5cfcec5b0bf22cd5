// Filters of one element on tensor cores: products of matrices. Twin: gpunn/ops/conv.
// T: __half, __nv_bfloat16, float
// (BM, BN, WM, WN, STAGES, BLOCK): (64, 64, 32, 32, 4, 128), (128, 64, 64, 32, 3, 128), (64, 128, 32, 64, 3, 128), (128, 128, 64, 32, 3, 256)
// LAST: 1, 0
// arch: 80
#include "conv/matrix.cuh"

// Channels last, rows of the product are positions of all images and columns are channels of the
// result; else rows are channels and columns are positions of one image. The filter's products lie
// side by side in both.
// Blocks side by side, as shared memory and registers allow; the budget names what spills then.
constexpr int RESIDENT = BLOCK == 256 ? (__CUDA_ARCH__ < 900 ? 1 : 2) : 3;

// Store a tile of which `high` x `wide` sums are left, and leave in them what was stored. `at`: its
// first element in y, whose rows are `pitch` apart; `channel`: the first of its channels.
__device__ __forceinline__ void store(T* y, Sums& sum, const Epilogue& epilogue, long long at,
                                      long long channel, int high, int wide, long long pitch) {
  const SumLane lane;
  const bool is_pair = pitch % 2 == 0;
  at += lane.row * pitch + lane.column;
  const int rows = high - lane.row, columns = wide - lane.column;
  const auto left = [=](int row, int j) { return row * 8 < rows ? columns - j * 8 : 0; };
  const auto place = [&](int row, int j) { return at + row * 8 * pitch + j * 8; };
  const auto own = [&](int row, int j, int next) {
    return channel +
           (LAST ? min(lane.column + j * 8 + next, wide - 1) : min(lane.row + row * 8, high - 1));
  };
  epilogue(sum, own, place, left);
#pragma unroll
  for (int i = 0; i < 2 * TILES_M * TILES_N; ++i) {
    const int row = i / TILES_N, j = i % TILES_N;
    const float (&values)[4] = sum[row / 2][j];
    if (left(row, j) > 0)
      store_pair(y + place(row, j), from_compute<T>(values[row % 2 * 2]),
                 from_compute<T>(values[row % 2 * 2 + 1]), left(row, j), is_pair);
  }
}

// y = relu(bias + residual + sum over the channels of w * x), each part if it is wanted. Channels
// last, x: (images, positions, depth), y and residual: (images, positions, rows); else x: (images,
// depth, positions), y and residual: (images, rows, positions). w: (rows, padded), zeros after
// depth. padded and, channels last, depth, else positions are multiples of 16 bytes, x and w are
// aligned to 16. statistics, channels last only: (tiles of BM positions, 2, rows), the sums over a
// tile of y - shift and of its square; shift: rows. Shared: STAGES * (BM + BN) * 128 bytes.
// FLOPs: 2 * images * positions * rows * depth.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    pointwise_tensor(T* __restrict__ y, float* __restrict__ statistics, const T* __restrict__ x,
                     const T* __restrict__ w, const T* __restrict__ bias,
                     const T* __restrict__ residual, const float* __restrict__ shift,
                     bool has_statistics, bool has_bias, bool has_residual, bool is_relu,
                     long long images, long long positions, int rows, int depth, int padded) {
  extern __shared__ uint4 memory[];
  const Epilogue epilogue = {has_bias ? bias : nullptr, has_residual ? residual : nullptr, is_relu};
  const long long high = LAST ? images * positions : rows, wide = LAST ? rows : positions;
  const long long tiles_m = (high + BM - 1) / BM, tiles_n = (wide + BN - 1) / BN;
  const long long tiles = tiles_m * tiles_n, count = LAST ? tiles : tiles * images;
  for (long long tile = blockIdx.x; tile < count; tile += gridDim.x) {
    const long long image = LAST ? 0 : tile / tiles, inner = tile - image * tiles;
    // Tiles of the same positions follow each other.
    const long long m = (LAST ? inner / tiles_n : inner % tiles_m) * BM;
    const long long n = (LAST ? inner % tiles_n : inner / tiles_m) * BN;
    const int m_left = part_of(high - m, BM), n_left = part_of(wide - n, BN);
    const T* seen = x + image * positions * depth;
    Operand<BM, true> a;
    Operand<BN, LAST> b;
    if constexpr (LAST) {
      a = {seen + m * depth, depth, 0, depth, m_left};
      b = {w + n * padded, padded, 0, padded, n_left};
    } else {
      a = {w + m * padded, padded, 0, padded, m_left};
      b = {seen + n, positions, 0, depth, n_left};
    }
    Sums sum = {};
    __syncthreads();  // the last tile's stages have been used
    sum_products(sum, memory, a, b, {0, 0, padded}, (padded + DEPTH - 1) / DEPTH);
    store(y, sum, epilogue, (image * high + m) * wide + n, LAST ? n : m, m_left, n_left, wide);
    if constexpr (LAST) {
      if (!has_statistics) continue;
      float* target = statistics + m / BM * 2 * rows + n;
      __syncthreads();  // the stages are free
      add_statistics<WARPS_M, WM, WN, BN>(target, target + rows, reinterpret_cast<float*>(memory),
                                          shift + n, sum, n_left,
                                          [&](int row) { return row < m_left; });
    }
  }
}
