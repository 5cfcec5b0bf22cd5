// The gradient of filters of one element on tensor cores. Twin: gpunn/ops/conv.
// T: __half, __nv_bfloat16, float
// (BM, BN, WM, WN, STAGES, BLOCK): (64, 64, 32, 32, 4, 128), (128, 128, 64, 32, 3, 256)
// LAST: 1, 0
// arch: 80
#include "conv/matrix.cuh"

// Rows of the product are channels of dy, columns are those of x. What is summed, the positions,
// lies side by side unless channels are last.
constexpr bool INSIDE = !LAST;
constexpr int RESIDENT = BLOCK == 256 ? 1 : 3;

// parts[s] = sum over steps s * length ... (s + 1) * length - 1 of dy * x; a step takes 128 bytes
// of positions of one image. Channels last, dy: (images, positions, rows), x: (images, positions,
// depth), all images best as one; else dy: (images, rows, positions), x: (images, depth,
// positions). parts: (slices, rows, depth). Channels last, rows and depth, else positions are
// multiples of 16 bytes, dy and x are aligned to 16. Shared: STAGES * (BM + BN) * 128 bytes.
// FLOPs: 2 * images * positions * rows * depth.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    pointwise_weight(float* __restrict__ parts, const T* __restrict__ dy, const T* __restrict__ x,
                     long long length, long long slices, long long images, int positions, int rows,
                     int depth) {
  extern __shared__ uint4 memory[];
  const long long tiles_m = (rows + BM - 1) / BM, tiles_n = (depth + BN - 1) / BN;
  const long long tiles = tiles_m * tiles_n,
                  per_image = positions / DEPTH + (positions % DEPTH != 0 || positions == 0);
  for (long long block = blockIdx.x; block < tiles * slices; block += gridDim.x) {
    const long long slice = block / tiles, inner = block - slice * tiles;
    const long long m = inner % tiles_m * BM, n = inner / tiles_m * BN, first = slice * length;
    const int steps = static_cast<int>(min(length, images * per_image - first));
    const long long a_pitch = LAST ? rows : positions, b_pitch = LAST ? depth : positions;
    const Operand<BM, INSIDE> a = {dy + m * (LAST ? 1 : positions), a_pitch,
                                   static_cast<long long>(rows) * positions, positions,
                                   part_of(rows - m, BM)};
    const Operand<BN, INSIDE> b = {x + n * (LAST ? 1 : positions), b_pitch,
                                   static_cast<long long>(depth) * positions, positions,
                                   part_of(depth - n, BN)};
    const long long image = first / per_image;
    Sums sum = {};
    __syncthreads();  // the last tile's stages have been used
    sum_products(sum, memory, a, b,
                 {image, static_cast<int>(first - image * per_image) * DEPTH, positions}, steps);
    const SumLane lane;
    float* target = parts + (slice * rows + m) * depth + n;
#pragma unroll
    for (int i = 0; i < 2 * TILES_M; ++i) {
#pragma unroll
      for (int j = 0; j < TILES_N; ++j) {
        const int row = lane.row + i * 8, column = lane.column + j * 8;
        const long long left = depth - n - column;
        const float (&four)[4] = sum[i / 2][j];
        if (m + row < rows && left > 0)
          store_pair(target + row * depth + column, four[i % 2 * 2], four[i % 2 * 2 + 1],
                     left > 1 ? 2 : 1, depth % 2 == 0);
      }
    }
  }
}
