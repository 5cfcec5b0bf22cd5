// Convolutions with a small filter, kept in shared memory. Twin: gpunn/ops/conv.
// T: float, double, __half, __nv_bfloat16
// LAST: 0, 1
// BLOCK: 256
#include "conv/windows.cuh"

using C = accumulate_t<T>;

constexpr int ROWS = 8;  // channels that a thread computes at a time

// filter[product][row] of a group, rows padded with zeros to a multiple of ROWS.
__device__ __forceinline__ void load_filter(C* filter, const T* w, const Geometry& geo,
                                            const Windows& win, int padded, long long w_row,
                                            long long w_depth, long long w_tap) {
  const int taps = win.taps(), count = geo.depth * taps * padded;
  for (int i = threadIdx.x; i < count; i += BLOCK) {
    const int row = i % padded, product = i / padded, channel = product / taps;
    const int tap = product - channel * taps, jw = tap % win.w.taps, rest = tap / win.w.taps;
    const long long at =
        channel * w_depth + win.tap(geo, rest / win.h.taps, rest % win.h.taps, jw) * w_tap;
    filter[i] = row < geo.rows ? to_compute(w[at + row * w_row]) : C(0);
  }
}

// Add what channel `x` contributes to ROWS channels of the position `at`; the next products of the
// filter are `padded` apart. They are added up on their own first, which keeps the digits of long
// sums.
__device__ __forceinline__ void add_channel(C (&sum)[ROWS], const T* x, const C* filter, int padded,
                                            const Windows& win, const Position& at) {
  C part[ROWS] = {};
  for (int jd = 0; jd < win.d.taps; ++jd) {
    for (int jh = 0; jh < win.h.taps; ++jh) {
      for (int jw = 0; jw < win.w.taps; ++jw, filter += padded) {
        if (!is_inside(win, at, jd, jh, jw)) continue;
        const C value = to_compute(x[at.x + tap_offset(win, jd, jh, jw)]);
#pragma unroll
        for (int i = 0; i < ROWS; i += Vector<C>::LENGTH) {
          const Vector<C> weights = load_vector(filter + i);
#pragma unroll
          for (int k = 0; k < Vector<C>::LENGTH; ++k) part[i + k] += value * weights.at[k];
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < ROWS; ++i) sum[i] += part[i];
}

// y = bias + sum over channels and taps of w * x, as `correlate` of conv/correlate.cu. A thread
// computes all channels of a group at one position, ROWS at a time. Shared: depth * taps * rows
// rounded up to ROWS, of C.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    correlate_small(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ w,
                    const T* __restrict__ bias, bool has_bias, bool transposed, long long w_row,
                    long long w_depth, long long w_tap, int images, int groups, int rows, int depth,
                    int kernel_d, int kernel_h, int kernel_w, int stride_d, int stride_h,
                    int stride_w, int dilation_d, int dilation_h, int dilation_w, int before_d,
                    int before_h, int before_w, int size_d, int size_h, int size_w, int out_d,
                    int out_h, int out_w) {
  extern __shared__ Vector<C> memory[];  // aligned to what load_vector reads
  C* filter = reinterpret_cast<C*>(memory);
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
  const int padded = (rows + ROWS - 1) / ROWS * ROWS;
  const Tiling tiling = tiling_of(geo, transposed, rows, BLOCK);
  for (long long tile = blockIdx.x; tile < tiling.count; tile += gridDim.x) {
    const Place place = tiling.place(tile, geo);
    const Windows win = windows_of(geo, transposed, place.part, LAST);
    const long long column = place.column_tile * BLOCK + threadIdx.x;
    const T* own_w =
        w + static_cast<long long>(place.group) * rows * depth * kernel_d * kernel_h * kernel_w;
    __syncthreads();  // the last tile's filter has been used
    load_filter(filter, own_w, geo, win, padded, w_row, w_depth, w_tap);
    __syncthreads();
    if (column >= win.positions) continue;
    const Position at = position_at(win, column);
    for (int row = 0; row < rows; row += ROWS) {
      C sum[ROWS] = {};
      for (int c = 0; c < depth; ++c) {
        const long long channel = static_cast<long long>(place.group) * depth + c;
        add_channel(sum, x + channel * win.x_channel, filter + c * win.taps() * padded + row,
                    padded, win, at);
      }
#pragma unroll
      for (int i = 0; i < ROWS; ++i) {
        const long long channel = static_cast<long long>(place.group) * rows + row + i;
        if (row + i >= rows) continue;
        const C offset = has_bias ? to_compute(bias[channel]) : C(0);
        y[at.y + channel * win.y_channel] = from_compute<T>(sum[i] + offset);
      }
    }
  }
}
