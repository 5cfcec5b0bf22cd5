// Convolutions on tensor cores, channels last, forward and to the input. Twin: gpunn/ops/conv.
// T: __half, __nv_bfloat16, float
// (BM, BN, WM, WN, STAGES, BLOCK): (64, 64, 32, 32, 4, 128), (128, 64, 64, 32, 3, 128), (64, 128, 32, 64, 3, 128), (128, 128, 64, 32, 3, 256)
// arch: 80
#include "conv/tensor_core.cuh"
#include "conv/windows.cuh"

// A block computes BM positions of BN channels, a warp WM x WN of them, from STAGES tiles of 128
// bytes of products of each position and channel.
constexpr int CHUNKS = 8, LANES = BLOCK / CHUNKS, STAGE = (BM + BN) * CHUNKS;
constexpr int WARPS_M = BM / WM, TILES_M = WM / 16, TILES_N = WN / 8;
// Blocks side by side, as shared memory and registers allow without spills.
constexpr bool IS_WIDE = sizeof(T) == 4 && BM == 128;
constexpr int RESIDENT = (BLOCK == 256 ? 2 : 3) - (IS_WIDE && (BN == 64 || __CUDA_ARCH__ < 900));
using Sums = float[TILES_M][TILES_N][4];

// A thread's part of the products: one chunk of some positions and some channels.
struct Reader {
  Odometer products;  // taps d, h, w and chunk of the channels

  __device__ __forceinline__ void fetch(uint4* stage, const T* x, const T* w, const Geometry& geo,
                                        const Windows& win, const Gears& gears,
                                        const Position* positions, int first) {
    const int jd = products.digit[0], jh = products.digit[1], jw = products.digit[2];
    const int channel = products.digit[3] * ELEMENTS, row = threadIdx.x / CHUNKS;
    const int chunk = threadIdx.x % CHUNKS;
    const bool is_one = jd < win.d.taps;
    const long long seen = tap_offset(win, jd, jh, jw) + channel;
    const long long weight = win.tap(geo, jd, jh, jw) * geo.depth + channel;
    const long long w_row = static_cast<long long>(geo.taps()) * geo.depth;
#pragma unroll
    for (int i = 0; i < BM; i += LANES) {
      const Position& at = positions[row + i];
      const bool is_seen = is_one && at.y >= 0 && is_inside(win, at, jd, jh, jw);
      cp_async<16>(mixed_chunk<true, CHUNKS>(stage, row + i, chunk), is_seen ? x + at.x + seen : x,
                   is_seen);
    }
#pragma unroll
    for (int i = 0; i < BN; i += LANES) {
      const bool is_row = is_one && first + row + i < geo.rows;
      const T* source = is_row ? w + (first + row + i) * w_row + weight : w;
      cp_async<16>(mixed_chunk<true, CHUNKS>(stage + BM * CHUNKS, row + i, chunk), source, is_row);
    }
    products.advance(gears);
  }
};

__device__ __forceinline__ void multiply(Sums& sum, uint4* stage) {
  const int warp = threadIdx.x / WARP;
  uint4* seen = stage + warp % WARPS_M * WM * CHUNKS;
  uint4* filter = stage + (BM + warp / WARPS_M * WN) * CHUNKS;
#pragma unroll
  for (int k = 0; k < CHUNKS * ELEMENTS; k += PRODUCTS) {
    unsigned a[TILES_M][4];
#pragma unroll
    for (int i = 0; i < TILES_M; ++i) load_left<true, BM>(a[i], seen, k, i * 16);
    multiply_columns<true, BN>(sum, a, filter, k, 0);
  }
}

// Store the sums, and leave in them what was stored.
__device__ __forceinline__ void store(T* y, Sums& sum, const Epilogue& epilogue, int first,
                                      int group, const Geometry& geo, const Position* positions) {
  const Lane<WARPS_M, WM, WN> lane;
  const bool is_pair = geo.rows % 2 == 0;
  const long long own = static_cast<long long>(group) * geo.rows;
  const int start = first + lane.column, last = geo.rows - 1;
  const auto at = [&](int row) { return positions[lane.row + row * 8].y; };
  const auto left = [&](int row, int j) { return at(row) < 0 ? 0 : geo.rows - start - j * 8; };
  const auto place = [&](int row, int j) { return at(row) + own + start + j * 8; };
  const auto channel = [&](int, int j, int next) { return own + min(start + j * 8 + next, last); };
  epilogue(sum, channel, place, left);
#pragma unroll
  for (int i = 0; i < 2 * TILES_M * TILES_N; ++i) {
    const int row = i / TILES_N, j = i % TILES_N;
    const float (&values)[4] = sum[row / 2][j];
    if (left(row, j) > 0)
      store_pair(y + place(row, j), from_compute<T>(values[row % 2 * 2]),
                 from_compute<T>(values[row % 2 * 2 + 1]), left(row, j), is_pair);
  }
}

// y = relu(bias + residual + sum over channels and taps of w * x), each part if it is wanted;
// transposed: of the taps that lie on positions of x. x: (images, *size or *out, groups * depth), y
// and residual: (images, *out or *size, groups * rows), w: (groups * rows, *kernel, depth), bias
// and shift: groups * rows, statistics: (tiles of BM positions, 2, groups * rows), the sums over a
// tile of y - shift and of its square (not if transposed). depth is a multiple of 16 bytes, x and w
// are aligned to 16. Shared: STAGES * (BM + BN) * 128 bytes.
// Longer than 60 lines: the signature alone takes 13, and a pipeline reads best in one piece.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    correlate_tensor(T* __restrict__ y, float* __restrict__ statistics, const T* __restrict__ x,
                     const T* __restrict__ w, const T* __restrict__ bias,
                     const T* __restrict__ residual, const float* __restrict__ shift,
                     bool has_statistics, bool has_bias, bool has_residual, bool is_relu,
                     bool transposed, int images, int groups, int rows, int depth, int kernel_d,
                     int kernel_h, int kernel_w, int stride_d, int stride_h, int stride_w,
                     int dilation_d, int dilation_h, int dilation_w, int before_d, int before_h,
                     int before_w, int size_d, int size_h, int size_w, int out_d, int out_h,
                     int out_w) {
  extern __shared__ uint4 memory[];
  __shared__ Position positions[BM];
  __shared__ Tiling tiling;
  __shared__ Place place;
  __shared__ Windows win;
  __shared__ Gears gears;
  const Geometry geo = {images,
                        groups,
                        rows,
                        depth,
                        {kernel_d, kernel_h, kernel_w},
                        {stride_d, stride_h, stride_w},
                        {dilation_d, dilation_h, dilation_w},
                        {before_d, before_h, before_w},
                        {size_d, size_h, size_w},
                        {out_d, out_h, out_w}};
  if (threadIdx.x == 0) tiling = tiling_of(geo, transposed, BN, BM);
  __syncthreads();
  const Epilogue epilogue = {has_bias ? bias : nullptr, has_residual ? residual : nullptr, is_relu};
  for (long long tile = blockIdx.x; tile < tiling.count; tile += gridDim.x) {
    __syncthreads();  // the last tile's windows and positions have been used
    if (threadIdx.x == 0) {
      place = tiling.place(tile, geo);
      win = windows_of(geo, transposed, place.part, true);
      gears.set(CHUNKS, win.h.taps, win.w.taps, depth / ELEMENTS);
    }
    __syncthreads();
    if (place.column_tile * BM >= win.positions) continue;  // a part smaller than the largest
    place_columns<BM>(positions, win, place.column_tile * BM);
    const int first = static_cast<int>(place.row_tile * BN);
    const T* own_x = x + static_cast<long long>(place.group) * depth;
    const T* own_w = w + static_cast<long long>(place.group) * rows * geo.taps() * depth;
    const int steps = (win.taps() * (depth / ELEMENTS) + CHUNKS - 1) / CHUNKS;
    Reader reader;
    reader.products.start(threadIdx.x % CHUNKS, gears);
    __syncthreads();
#pragma unroll
    for (int s = 0; s < STAGES - 1; ++s) {
      reader.fetch(memory + s * STAGE, own_x, own_w, geo, win, gears, positions, first);
      cp_async_commit();
    }
    Sums sum = {};
    for (int step = 0; step < steps; ++step) {
      cp_async_wait<STAGES - 2>();
      __syncthreads();  // this step's stage is there, the last one's is free
      uint4* free = memory + (step + STAGES - 1) % STAGES * STAGE;
      reader.fetch(free, own_x, own_w, geo, win, gears, positions, first);
      cp_async_commit();
      multiply(sum, memory + step % STAGES * STAGE);
    }
    cp_async_wait<0>();
    store(y, sum, epilogue, first, place.group, geo, positions);
    if (has_statistics) {
      const long long channels = static_cast<long long>(groups) * rows;
      float* target = statistics + place.column_tile * 2 * channels + place.group * rows;
      __syncthreads();  // the stages are free
      add_statistics<WARPS_M, WM, WN, BN>(target + first, target + channels + first,
                                          reinterpret_cast<float*>(memory),
                                          shift + place.group * rows + first, sum, rows - first,
                                          [&](int row) { return positions[row].y >= 0; });
    }
  }
}
