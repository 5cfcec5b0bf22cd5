// Convolutions in groups of few channels, depthwise ones above all. Twin: gpunn/ops/conv.
// (T, A): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// LAST: 0, 1
// BLOCK: 256
#include "conv/windows.cuh"

constexpr int TAPS = 9;               // that a thread of weight_depthwise sums at a time
constexpr int LANES = LAST ? 32 : 1;  // channels of its block
constexpr int STEP = BLOCK / LANES;   // positions that its block takes at a time

// The sum over the taps of one channel: of the products of the filter, `tap_step` apart.
__device__ __forceinline__ A channel_sum(const T* x, const T* w, long long w_tap,
                                         const Geometry& geo, const Windows& win,
                                         const Position& at) {
  A sum = 0;
  for (int jd = 0; jd < win.d.taps; ++jd) {
    for (int jh = 0; jh < win.h.taps; ++jh) {
      for (int jw = 0; jw < win.w.taps; ++jw) {
        if (!is_inside(win, at, jd, jh, jw)) continue;
        const A weight = to_compute(w[win.tap(geo, jd, jh, jw) * w_tap]);
        sum += to_compute(x[at.x + tap_offset(win, jd, jh, jw)]) * weight;
      }
    }
  }
  return sum;
}

// y = bias + sum over channels and taps of w * x, as `correlate` of conv/correlate.cu. A thread
// computes one element; neighbours are neighbours in memory.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    correlate_depthwise(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ w,
                        const T* __restrict__ bias, bool has_bias, bool transposed, long long w_row,
                        long long w_depth, long long w_tap, int images, int groups, int rows,
                        int depth, int kernel_d, int kernel_h, int kernel_w, int stride_d,
                        int stride_h, int stride_w, int dilation_d, int dilation_h, int dilation_w,
                        int before_d, int before_h, int before_w, int size_d, int size_h,
                        int size_w, int out_d, int out_h, int out_w) {
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
  const long long channels = static_cast<long long>(groups) * rows;
  const Tiling tiling = tiling_of(geo, transposed, 1, 1);  // of one position
  const long long positions = tiling.column_tiles,
                  tiles = (positions * channels + BLOCK - 1) / BLOCK;
  for (long long tile = blockIdx.x; tile < tiles * tiling.parts; tile += gridDim.x) {
    const long long part = quotient(tile, tiles), i = (tile - part * tiles) * BLOCK + threadIdx.x;
    const Windows win = windows_of(geo, transposed, static_cast<int>(part), LAST);
    if (i >= win.positions * channels) continue;
    const long long run = quotient(i, LAST ? channels : win.per_image);
    const long long rest = i - run * (LAST ? channels : win.per_image);
    const long long image = LAST ? 0 : quotient(run, channels);
    const long long channel = LAST ? rest : run - image * channels;
    const Position at = position_at(win, LAST ? run : image * win.per_image + rest);
    const long long group = quotient(channel, rows), row = channel - group * rows;
    const T* own_w = w + group * rows * depth * kernel_d * kernel_h * kernel_w + row * w_row;
    A sum = 0;
    for (int c = 0; c < depth; ++c) {
      sum += channel_sum(x + (group * depth + c) * win.x_channel, own_w + c * w_depth, w_tap, geo,
                         win, at);
    }
    const A offset = has_bias ? to_compute(bias[channel]) : A(0);
    y[at.y + channel * win.y_channel] = from_compute<T>(sum + offset);
  }
}

// The places of TAPS taps of the filter, from `first` on, relative to position 0.
struct Taps {
  int d[TAPS], h[TAPS], w[TAPS], count;

  __device__ __forceinline__ Taps(const Windows& win, int first) {
    count = min(TAPS, win.taps() - first);
#pragma unroll
    for (int t = 0; t < TAPS; ++t) {
      const int tap = first + t, rest = tap / win.w.taps;
      d[t] = win.d.start + win.d.reach * (rest / win.h.taps);
      h[t] = win.h.start + win.h.reach * (rest % win.h.taps);
      w[t] = win.w.start + win.w.reach * (tap % win.w.taps);
    }
  }
};

// Add the products of the positions first ... end - 1, in steps of STEP. dy, x: of one channel.
__device__ __forceinline__ void add_positions(A (&sum)[TAPS], const T* dy, const T* x,
                                              const Geometry& geo, const Windows& win,
                                              const Taps& taps, long long first, long long end) {
  Odometer at;  // image and d, h, w of the output
  Gears gears;
  gears.set(STEP, geo.out[0], geo.out[1], geo.out[2]);
  at.start(first, gears);
  for (long long i = first; i < end; i += STEP, at.advance(gears)) {
    const A gradient = to_compute(dy[at.digit[0] * win.y_image + at.digit[1] * win.y_d +
                                     at.digit[2] * win.y_h + at.digit[3] * win.y_w]);
    const T* image = x + at.digit[0] * win.x_image;
    const int d0 = at.digit[1] * win.d.step, h0 = at.digit[2] * win.h.step;
    const int w0 = at.digit[3] * win.w.step;
#pragma unroll
    for (int t = 0; t < TAPS; ++t) {
      const int d = d0 + taps.d[t], h = h0 + taps.h[t], w = w0 + taps.w[t];
      if (t < taps.count && is_on(d, win.d.size) && is_on(h, win.h.size) && is_on(w, win.w.size))
        sum[t] += gradient * to_compute(image[d * win.x_d + h * win.x_h + w * win.x_w]);
    }
  }
}

// parts as `weight_parts` of conv/weight.cu, for TAPS taps of one channel of x and LANES channels
// of dy in a block, whose threads take a position each and add up in a fixed tree.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    weight_depthwise(A* __restrict__ parts, const T* __restrict__ dy, const T* __restrict__ x,
                     long long length, long long slices, int images, int groups, int rows,
                     int depth, int kernel_d, int kernel_h, int kernel_w, int stride_d,
                     int stride_h, int stride_w, int dilation_d, int dilation_h, int dilation_w,
                     int before_d, int before_h, int before_w, int size_d, int size_h, int size_w,
                     int out_d, int out_h, int out_w) {
  __shared__ A sums[TAPS][BLOCK];
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
  const Windows win = windows_of(geo, false, 0, LAST);
  const long long channels = static_cast<long long>(groups) * rows;
  const int chunks = (win.taps() + TAPS - 1) / TAPS, lane = threadIdx.x % LANES;
  const long long runs = (channels + LANES - 1) / LANES, count = runs * depth * chunks * slices;
  for (long long block = blockIdx.x; block < count; block += gridDim.x) {
    const long long slice = block / (runs * depth * chunks), channel = block % runs * LANES + lane;
    const int chunk = static_cast<int>(block / runs % chunks);
    const int c = static_cast<int>(block / runs / chunks % depth);
    const Taps taps(win, chunk * TAPS);
    A sum[TAPS] = {};
    if (channel < channels) {
      const T* own_x = x + (channel / rows * depth + c) * win.x_channel;
      add_positions(sum, dy + channel * win.y_channel, own_x, geo, win, taps,
                    slice * length + threadIdx.x / LANES, min(win.positions, (slice + 1) * length));
    }
    __syncthreads();  // the last block's sums have been used
#pragma unroll
    for (int t = 0; t < TAPS; ++t) sums[t][threadIdx.x] = sum[t];
    for (int half = BLOCK / 2; half >= LANES; half /= 2) {
      __syncthreads();
      if (threadIdx.x < half) {
#pragma unroll
        for (int t = 0; t < TAPS; ++t) sums[t][threadIdx.x] += sums[t][threadIdx.x + half];
      }
    }
    if (threadIdx.x < LANES && channel < channels) {
      for (int t = 0; t < taps.count; ++t) {
        const long long tap = chunk * TAPS + t, all = win.taps();
        const long long column = LAST ? tap * depth + c : c * all + tap;
        parts[((slice * channels) + channel) * depth * all + column] = sums[t][threadIdx.x];
      }
    }
  }
}
