// Convolutions of any shape in full precision, forward and to the input. Twin: gpunn/ops/conv.
// (T, TILE): (float, 128), (float, 64), (double, 64), (__half, 64), (__nv_bfloat16, 64)
// LAST: 0, 1
// POINTWISE: 0, 1
// BLOCK: 256
#include "conv/products.cuh"

// POINTWISE: the filter has one element, stride 1 and no zeros around; nothing but channels is
// summed.
using C = accumulate_t<T>;
using Summed = typename ProductsOf<POINTWISE>::type;

// A block computes BM channels of BN positions, BK products at a time; a thread TM x TN of them.
constexpr int BM = TILE, BN = 64, BK = 16, TM = TILE / 16, TN = 4;
constexpr int RESIDENT = TILE == 128 || sizeof(C) == 8 ? 1 : 2;  // blocks that fit without spills
constexpr int PIECE = TM < 4 ? TM : 4;  // neighbours of a thread, side by side in shared memory
using Filter = C[BK][BM + 4];           // 4 more, so that a warp writes to different banks
using Seen = C[BK][BN + 4];

// A thread's part of the filter for BK products: one product, some channels.
struct FilterReader {
  static constexpr int STEP = BLOCK / BK, COUNT = BM / STEP;
  Summed products;
  C value[COUNT];

  __device__ __forceinline__ void fetch(const T* w, const Geometry& geo, const Windows& win,
                                        int row, long long w_row, long long w_depth,
                                        long long w_tap) {
    const bool is_one = products.is_one(geo, win);
    const long long offset = products.weight(geo, win, w_depth, w_tap);
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int m = row + threadIdx.x / BK + i * STEP;
      value[i] = is_one && m < geo.rows ? to_compute(w[offset + m * w_row]) : C(0);
    }
    products.advance();
  }

  __device__ __forceinline__ void put(Filter& filter) const {
#pragma unroll
    for (int i = 0; i < COUNT; ++i)
      filter[threadIdx.x % BK][threadIdx.x / BK + i * STEP] = value[i];
  }
};

// A thread's part of the input: one product of some positions where channels are last, else some
// products of one position, so that neighbours read neighbours.
struct SeenReader {
  static constexpr int STEP = LAST ? BLOCK / BK : BLOCK / BN, COUNT = BK * BN / BLOCK;
  Summed products;
  C value[COUNT];

  __device__ __forceinline__ static int product(int i) {
    return LAST ? threadIdx.x % BK : threadIdx.x / BN + i * STEP;
  }
  __device__ __forceinline__ static int column(int i) {
    return LAST ? threadIdx.x / BK + i * STEP : threadIdx.x % BN;
  }

  __device__ __forceinline__ void fetch(const T* x, const Geometry& geo, const Windows& win,
                                        const Position* positions) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const Position& at = positions[column(i)];
      const bool is_seen = at.y >= 0 && products.is_one(geo, win) && products.sees(win, at);
      value[i] = is_seen ? to_compute(x[at.x + products.seen(win)]) : C(0);
      if (!LAST) products.advance();
    }
    if (LAST) products.advance();
  }

  __device__ __forceinline__ void put(Seen& seen) const {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) seen[product(i)][column(i)] = value[i];
  }
};

// Where the LENGTH rows or columns of a thread lie in the TILE of the block.
template <int LENGTH, int TILE>
__device__ __forceinline__ int spread(int lane, int i) {
  return i / PIECE * (TILE * PIECE / LENGTH) + lane * PIECE + i % PIECE;
}

// Add BK products to each sum. They are added up on their own first, which keeps the digits of long
// sums: the error grows with BK + length / BK, not with the length.
__device__ __forceinline__ void multiply(C (&sum)[TM][TN], const Filter& filter, const Seen& seen) {
  const int row = threadIdx.x / (BN / TN), column = threadIdx.x % (BN / TN);
  C part[TM][TN] = {};
#pragma unroll
  for (int k = 0; k < BK; ++k) {
    C a[TM], b[TN];
#pragma unroll
    for (int i = 0; i < TM; ++i) a[i] = filter[k][spread<TM, BM>(row, i)];
#pragma unroll
    for (int j = 0; j < TN; ++j) b[j] = seen[k][spread<TN, BN>(column, j)];
#pragma unroll
    for (int i = 0; i < TM; ++i) {
#pragma unroll
      for (int j = 0; j < TN; ++j) part[i][j] += a[i] * b[j];
    }
  }
#pragma unroll
  for (int i = 0; i < TM; ++i) {
#pragma unroll
    for (int j = 0; j < TN; ++j) sum[i][j] += part[i][j];
  }
}

__device__ __forceinline__ void store(T* y, const T* bias, const C (&sum)[TM][TN], int first,
                                      int group, const Geometry& geo, const Windows& win,
                                      const Position* positions) {
  const int row = threadIdx.x / (BN / TN), column = threadIdx.x % (BN / TN);
#pragma unroll
  for (int j = 0; j < TN; ++j) {
    const long long at = positions[spread<TN, BN>(column, j)].y;
#pragma unroll
    for (int i = 0; i < TM; ++i) {
      const int m = first + spread<TM, BM>(row, i);
      const long long channel = static_cast<long long>(group) * geo.rows + m;
      if (at < 0 || m >= geo.rows) continue;
      const C offset = bias == nullptr ? C(0) : to_compute(bias[channel]);
      y[at + channel * win.y_channel] = from_compute<T>(sum[i][j] + offset);
    }
  }
}

// y = bias + sum over channels and taps of w * x; transposed: of the taps that lie on positions of
// x. x: (images, groups * depth, *size or *out), y: (images, groups * rows, *out or *size); w has
// its groups one after the other, elements `w_row`, `w_depth` and `w_tap` apart along its rows, its
// channels and its taps. A block computes tiles of BM x BN, one after the other.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    correlate(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ w,
              const T* __restrict__ bias, bool has_bias, bool transposed, long long w_row,
              long long w_depth, long long w_tap, int images, int groups, int rows, int depth,
              int kernel_d, int kernel_h, int kernel_w, int stride_d, int stride_h, int stride_w,
              int dilation_d, int dilation_h, int dilation_w, int before_d, int before_h,
              int before_w, int size_d, int size_h, int size_w, int out_d, int out_h, int out_w) {
  __shared__ __align__(16) Filter filter[2];
  __shared__ __align__(16) Seen seen[2];
  __shared__ Position positions[BN];
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
  const Tiling tiling = tiling_of(geo, transposed, BM, BN);
  for (long long tile = blockIdx.x; tile < tiling.count; tile += gridDim.x) {
    const Place place = tiling.place(tile, geo);
    const Windows win = windows_of(geo, transposed, place.part, LAST);
    const long long first = place.column_tile * BN;
    if (first >= win.positions) continue;  // a part with fewer positions than the largest
    const int row = static_cast<int>(place.row_tile * BM);
    const T* own_x = x + static_cast<long long>(place.group) * depth * win.x_channel;
    const T* own_w = w + place.group * (static_cast<long long>(rows) * depth * geo.kernel[0] *
                                        geo.kernel[1] * geo.kernel[2]);
    __syncthreads();  // the last tile's positions have been used
    place_columns<BN>(positions, win, first);
    FilterReader filters;
    SeenReader inputs;
    filters.products.start(geo, win, LAST, threadIdx.x % BK, BK);
    inputs.products.start(geo, win, LAST, SeenReader::product(0), LAST ? BK : SeenReader::STEP);
    C sum[TM][TN] = {};
    const long long steps = (static_cast<long long>(depth) * win.taps() + BK - 1) / BK;
    __syncthreads();
    for (long long step = 0; step <= steps; ++step) {
      if (step < steps) {
        filters.fetch(own_w, geo, win, row, w_row, w_depth, w_tap);
        inputs.fetch(own_x, geo, win, positions);
      }
      if (step > 0) multiply(sum, filter[step % 2 ^ 1], seen[step % 2 ^ 1]);
      if (step < steps) {
        filters.put(filter[step % 2]);
        inputs.put(seen[step % 2]);
      }
      __syncthreads();
    }
    store(y, has_bias ? bias : nullptr, sum, row, place.group, geo, win, positions);
  }
}
