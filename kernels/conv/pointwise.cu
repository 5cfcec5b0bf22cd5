// Filters of one element on tensor cores: products of matrices. Twin: gpunn/ops/conv.
// T: __half, __nv_bfloat16, float
// (BM, BN, WM, WN, STAGES, BLOCK): (64, 64, 32, 32, 4, 128), (128, 64, 64, 32, 3, 128), (64, 128, 32, 64, 3, 128), (128, 128, 64, 32, 3, 256)
// LAST: 1, 0
// arch: 80
#include "conv/matrix.cuh"

// Channels last, rows of the product are positions of all images and columns are channels of the
// result; else rows are channels and columns are positions of one image. The filter's products lie
// side by side in both.
constexpr int RESIDENT = BLOCK == 256 ? 2 : 3;

// Store a tile of which `high` x `wide` sums are left, at `y` + row * pitch + column of all; `row`
// and `column`: where it begins.
__device__ __forceinline__ void store(T* y, const Sums& sum, const Epilogue& epilogue,
                                      long long start, long long row, long long column,
                                      long long high, long long wide, long long pitch) {
  const SumLane lane;
#pragma unroll
  for (int i = 0; i < 2 * TILES_M; ++i) {
#pragma unroll
    for (int j = 0; j < TILES_N; ++j) {
      const int m = lane.row + i * 8, n = lane.column + j * 8;
      if (m >= high || n >= wide) continue;
      const long long at = start + (row + m) * pitch + column + n, count = wide - n;
      const float (&four)[4] = sum[i / 2][j];
      const long long channel = LAST ? column + n : row + m;
      const T a = epilogue(four[i % 2 * 2], channel, at);
      const T b = count > 1 ? epilogue(four[i % 2 * 2 + 1], channel + LAST, at + 1) : a;
      store_pair(y + at, a, b, count > 1 ? 2 : 1, pitch % 2 == 0);
    }
  }
}

// y = relu(bias + residual + sum over the channels of w * x), each part if it is wanted. Channels
// last, x: (images, positions, depth), y and residual: (images, positions, rows); else x: (images,
// depth, positions), y and residual: (images, rows, positions). w: (rows, padded), zeros after
// depth. padded and, channels last, depth, else positions are multiples of 16 bytes, x and w are
// aligned to 16. Shared: STAGES * (BM + BN) * 128 bytes.
// FLOPs: 2 * images * positions * rows * depth.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    pointwise_tensor(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ w,
                     const T* __restrict__ bias, const T* __restrict__ residual, bool has_bias,
                     bool has_residual, bool is_relu, long long images, long long positions,
                     long long rows, long long depth, long long padded) {
  extern __shared__ uint4 memory[];
  const Epilogue epilogue = {has_bias ? bias : nullptr, has_residual ? residual : nullptr, is_relu};
  const long long high = LAST ? images * positions : rows, wide = LAST ? rows : positions;
  const long long tiles_m = (high + BM - 1) / BM, tiles_n = (wide + BN - 1) / BN;
  const long long tiles = tiles_m * tiles_n, count = LAST ? tiles : tiles * images;
  for (long long tile = blockIdx.x; tile < count; tile += gridDim.x) {
    // Those of the same positions follow each other.
    const long long image = tile / tiles, inner = tile - image * tiles;
    const long long m = (LAST ? inner / tiles_n : inner % tiles_m) * BM;
    const long long n = (LAST ? inner % tiles_n : inner / tiles_m) * BN;
    const T* seen = x + image * depth * positions;
    Operand<BM, true> a;
    Operand<BN, LAST> b;
    if constexpr (LAST) {
      a = {seen + m * depth, depth, 0, depth, high - m};
      b = {w + n * padded, padded, 0, padded, wide - n};
    } else {
      a = {w + m * padded, padded, 0, padded, high - m};
      b = {seen + n, positions, 0, depth, wide - n};
    }
    Sums sum = {};
    __syncthreads();  // the last tile's stages have been used
    sum_products(sum, memory, a, b, {0, 0, padded}, static_cast<int>((padded + DEPTH - 1) / DEPTH));
    store(y, sum, epilogue, image * rows * positions, m, n, high - m, wide - n, wide);
  }
}
