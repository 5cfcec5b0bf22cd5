// The gradient of a convolution's weight on tensor cores, channels last. Twin: gpunn/ops/conv.
// T: __half, __nv_bfloat16, float
// (TILE, WM, WN, STAGES, BLOCK): (64, 32, 32, 4, 128), (128, 64, 32, 3, 256)
// arch: 80
#include "conv/tensor_core.cuh"
#include "conv/windows.cuh"

// A block computes TILE channels of the output by TILE columns of the filter (taps and channels), a
// warp WM x WN of them, from STAGES tiles of BK positions. A position is a row of chunks, first of
// the gradient, then of the input; chunks are mixed so that a warp reads from different banks.
constexpr int BK = 32, CHUNKS = TILE / ELEMENTS, LANES = BLOCK / CHUNKS, STAGE = 2 * BK * CHUNKS;
constexpr int WARPS_M = TILE / WM, TILES_M = WM / 16, TILES_N = WN / 8;
constexpr int RESIDENT = BLOCK == 256 ? 1 : 3;  // blocks that fit beside each other
using Sums = float[TILES_M][TILES_N][4];

// A thread's part of a stage: one chunk of the gradient and one of the input at some positions.
struct Reader {
  Odometer position;  // image and d, h, w of the output
  const T *dy, *x;    // at position 0
  int d, h, w;        // that the column's tap sees from position 0
  bool is_row, is_column;

  __device__ __forceinline__ void start(const Geometry& geo, const Windows& win, const T* all_dy,
                                        const T* all_x, int row, long long column) {
    const int chunk = threadIdx.x % CHUNKS * ELEMENTS;
    is_row = row + chunk < geo.rows;
    dy = all_dy + row + chunk;
    Gears columns;
    columns.set(0, geo.kernel[1], geo.kernel[2], geo.depth);
    Odometer tap;
    tap.start(column + chunk, columns);
    is_column = tap.digit[0] < geo.kernel[0];
    d = win.d.start + win.d.reach * tap.digit[0];
    h = win.h.start + win.h.reach * tap.digit[1];
    w = win.w.start + win.w.reach * tap.digit[2];
    x = all_x + d * win.x_d + h * win.x_h + w * win.x_w + tap.digit[3];
  }

  __device__ __forceinline__ void fetch(uint4* stage, const T* any_dy, const T* any_x,
                                        const Geometry& geo, const Windows& win,
                                        const Gears& gears) {
    const int chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
#pragma unroll
    for (int i = 0; i < BK; i += LANES) {
      const int n = position.digit[0], at_d = position.digit[1] * win.d.step;
      const int at_h = position.digit[2] * win.h.step, at_w = position.digit[3] * win.w.step;
      const bool is_there = n < geo.images;
      const bool is_seen = is_there && is_column && is_on(at_d + d, win.d.size) &&
                           is_on(at_h + h, win.h.size) && is_on(at_w + w, win.w.size);
      const T* gradient = dy + n * win.y_image + position.digit[1] * win.y_d +
                          position.digit[2] * win.y_h + position.digit[3] * win.y_w;
      const T* seen = x + n * win.x_image + at_d * win.x_d + at_h * win.x_h + at_w * win.x_w;
      cp_async<16>(mixed_chunk<false, CHUNKS>(stage, row + i, chunk),
                   is_there && is_row ? gradient : any_dy, is_there && is_row);
      cp_async<16>(mixed_chunk<false, CHUNKS>(stage + BK * CHUNKS, row + i, chunk),
                   is_seen ? seen : any_x, is_seen);
      position.advance(gears);
    }
  }
};

__device__ __forceinline__ void multiply(Sums& sum, uint4* stage) {
  const int warp = threadIdx.x / WARP, row = warp % WARPS_M * WM, column = warp / WARPS_M * WN;
#pragma unroll
  for (int k = 0; k < BK; k += PRODUCTS) {
    unsigned a[TILES_M][4];
#pragma unroll
    for (int i = 0; i < TILES_M; ++i) load_left<false, TILE>(a[i], stage, k, row + i * 16);
    multiply_columns<false, TILE>(sum, a, stage + BK * CHUNKS, k, column);
  }
}

// Write a thread's sums to `parts`, of which `rows` x `columns` are left.
__device__ __forceinline__ void store(float* parts, const Sums& sum, int rows, long long columns,
                                      long long width) {
  const Lane<WARPS_M, WM, WN> lane;
#pragma unroll
  for (int i = 0; i < 2 * TILES_M; ++i) {
#pragma unroll
    for (int j = 0; j < TILES_N; ++j) {
      const int row = lane.row + i * 8, column = lane.column + j * 8;
      if (row >= rows || column >= columns) continue;
      const float (&four)[4] = sum[i / 2][j];
      store_pair(parts + row * width + column, four[i % 2 * 2], four[i % 2 * 2 + 1], 2, true);
    }
  }
}

// parts[s] = sum over the positions s * length ... (s + 1) * length - 1 of dy * x, for each row and
// each column of the filter. dy: (images, *out, groups * rows), x: (images, *size, groups * depth),
// parts: (slices, groups, rows, kernel, depth). length is a multiple of 32, rows and depth are
// multiples of 16 bytes, the arrays are aligned to 16. Shared: STAGES * 64 * TILE * sizeof(T).
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    weight_tensor(float* __restrict__ parts, const T* __restrict__ dy, const T* __restrict__ x,
                  long long length, long long slices, int images, int groups, int rows, int depth,
                  int kernel_d, int kernel_h, int kernel_w, int stride_d, int stride_h,
                  int stride_w, int dilation_d, int dilation_h, int dilation_w, int before_d,
                  int before_h, int before_w, int size_d, int size_h, int size_w, int out_d,
                  int out_h, int out_w) {
  extern __shared__ uint4 memory[];
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
  if (threadIdx.x == 0) {
    win = windows_of(geo, false, 0, true);
    gears.set(LANES, out_d, out_h, out_w);
  }
  const long long width = static_cast<long long>(geo.taps()) * depth;
  const long long row_tiles = (rows + TILE - 1) / TILE, column_tiles = (width + TILE - 1) / TILE;
  const long long tiles = row_tiles * column_tiles, count = tiles * groups * slices;
  for (long long block = blockIdx.x; block < count; block += gridDim.x) {
    const long long slice = block / (tiles * groups), group = block / tiles % groups;
    const int row = static_cast<int>(block % row_tiles * TILE);
    const long long column = block / row_tiles % column_tiles * TILE, first = slice * length;
    __syncthreads();  // the windows are there, the last tile's stages have been used
    const long long left = win.positions - first;
    const int steps = static_cast<int>((min(length, left) + BK - 1) / BK);
    Reader reader;
    reader.start(geo, win, dy + group * rows, x + group * depth, row, column);
    reader.position.start(first + threadIdx.x / CHUNKS, gears);
#pragma unroll
    for (int s = 0; s < STAGES - 1; ++s) {
      reader.fetch(memory + s * STAGE, dy, x, geo, win, gears);
      cp_async_commit();
    }
    Sums sum = {};
    for (int step = 0; step < steps; ++step) {
      cp_async_wait<STAGES - 2>();
      __syncthreads();  // this step's stage is there, the last one's is free
      reader.fetch(memory + (step + STAGES - 1) % STAGES * STAGE, dy, x, geo, win, gears);
      cp_async_commit();
      multiply(sum, memory + step % STAGES * STAGE);
    }
    cp_async_wait<0>();
    store(parts + ((slice * groups + group) * rows + row) * width + column, sum, rows - row,
          width - column, width);
  }
}
