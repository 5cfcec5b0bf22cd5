// Max pooling and its gradients. Launched by gpunn/ops/pool/maximum.py.
// T: float, double, __half, __nv_bfloat16
// I: unsigned char, int
// BLOCK: 256
#include "pool/windows.cuh"

using C = accumulate_t<T>;
constexpr int VECTOR = Vector<T>::LENGTH;

// Of N windows side by side in channels the largest elements so far, and their numbers in the
// window. The first of equals wins, and of NaNs the last.
template <int N>
struct Largest {
  C value[N];
  int tap[N];

  __device__ __forceinline__ explicit Largest(int first) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      value[k] = -__int_as_float(0x7f800000);
      tap[k] = first;
    }
  }

  __device__ __forceinline__ void see(int k, C x, int number) {
    if (x > value[k] || is_nan(x)) {
      value[k] = x;
      tap[k] = number;
    }
  }
};

// The number of the first tap of a window that is inside the input: it wins if all are -infinity.
__device__ __forceinline__ int first_tap(const Stack& s, const Position& p) {
  const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h), w = taps_of(s.w, p.w);
  return (d.first * s.h.kernel + h.first) * s.w.kernel + w.first;
}

// A thread takes N channels of one window.
template <int N, bool NUMBERED>
__device__ __forceinline__ void pool_channels(T* y, I* winners, const T* x, const Stack& s) {
  const int units = s.channels / N;
  const long long n = s.planes * s.d.out * s.h.out * s.w.out * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    Position p = position_of(i, s.d.out, s.h.out, s.w.out, units);
    p.channel *= N;
    Largest<N> best(first_tap(s, p));
    each_tap(s, p, [&](int tap, long long at) {
      C values[N];
      load(values, x + at);
#pragma unroll
      for (int k = 0; k < N; ++k) best.see(k, values[k], tap);
    });
    store(y + i * N, best.value);
    if (NUMBERED) store(winners + i * N, best.tap);
  }
}

// The same for windows of width and stride 2 in rows without channels: a thread takes the windows
// over 16 bytes of a row.
template <bool NUMBERED>
__device__ __forceinline__ void pool_pairs(T* y, I* winners, const T* x, const Stack& s) {
  constexpr int N = VECTOR / 2;
  const int units = s.w.out / N;
  const long long n = s.planes * s.d.out * s.h.out * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    Position p = position_of(i, s.d.out, s.h.out, units, 1);
    const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h);
    Largest<N> best((d.first * s.h.kernel + h.first) * 2);
    for (int t = d.first; t < d.last; ++t) {
      const long long deep = p.plane * s.d.size + (d.start + t * s.d.dilation);
      for (int r = h.first; r < h.last; ++r) {
        const long long row = deep * s.h.size + (h.start + r * s.h.dilation);
        C values[VECTOR];
        load(values, x + row * s.w.size + p.w * VECTOR);
#pragma unroll
        for (int k = 0; k < VECTOR; ++k)
          best.see(k / 2, values[k], (t * s.h.kernel + r) * 2 + k % 2);
      }
    }
    store(y + i * N, best.value);
    if (NUMBERED) store(winners + i * N, best.tap);
  }
}

template <bool NUMBERED>
__device__ __forceinline__ void pool(T* y, I* winners, const T* x, const Stack& s) {
  const bool is_aligned = are_aligned(y, x) && (!NUMBERED || are_aligned(winners));
  if (is_aligned && s.channels % VECTOR == 0)
    pool_channels<VECTOR, NUMBERED>(y, winners, x, s);
  else if (is_aligned && are_pairs<T>(s))
    pool_pairs<NUMBERED>(y, winners, x, s);
  else
    pool_channels<1, NUMBERED>(y, winners, x, s);
}

// y = the largest element of each window, winners = its number in the window, row by row.
// x: (planes, size_d, size_h, size_w, channels); y, winners: (planes, out_d, out_h, out_w,
// channels). A thread takes 16 bytes of channels, or of a row under windows of width 2, else one
// window.
// Bytes: planes * channels * (size_d * size_h * size_w * sizeof(T) + out_d * out_h * out_w *
// (sizeof(T) + sizeof(I))).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    max_pool_forward(T* __restrict__ y, I* __restrict__ winners, const T* __restrict__ x,
                     long long planes, int channels, int size_d, int out_d, int kernel_d,
                     int stride_d, int padding_d, int dilation_d, int size_h, int out_h,
                     int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w,
                     int out_w, int kernel_w, int stride_w, int padding_w, int dilation_w) {
  pool<true>(y, winners, x,
             {planes,
              channels,
              {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
              {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
              {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}});
}

// The same without the winners, for when nobody asks for gradients.
// Bytes: planes * channels * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    max_pool_values(T* __restrict__ y, const T* __restrict__ x, long long planes, int channels,
                    int size_d, int out_d, int kernel_d, int stride_d, int padding_d,
                    int dilation_d, int size_h, int out_h, int kernel_h, int stride_h,
                    int padding_h, int dilation_h, int size_w, int out_w, int kernel_w,
                    int stride_w, int padding_w, int dilation_w) {
  pool<false>(y, nullptr, x,
              {planes,
               channels,
               {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
               {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
               {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}});
}

// What N windows side by side in channels give to the elements at one of their taps: the gradients
// of those that chose it.
struct Chosen {
  const T* dy;
  const I* winners;

  template <int N>
  __device__ __forceinline__ void operator()(C (&sum)[N], int tap, long long at, int, int,
                                             int) const {
    const Pack<I, N> winner = *reinterpret_cast<const Pack<I, N>*>(winners + at);
    C grads[N];
    load(grads, dy + at);
#pragma unroll
    for (int k = 0; k < N; ++k)
      if (winner.at[k] == tap) sum[k] += grads[k];
  }
};

// dx = the sum of dy over the windows that chose the element, in their order; 0 for none.
// dx: (planes, size_d, size_h, size_w, channels); dy, winners: (planes, out_d, out_h, out_w,
// channels). A thread makes 16 bytes of dx, of channels or of a row.
// Bytes: planes * channels * (size_d * size_h * size_w * sizeof(T) + out_d * out_h * out_w *
// (sizeof(T) + sizeof(I))).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    max_pool_backward(T* __restrict__ dx, const T* __restrict__ dy, const I* __restrict__ winners,
                      long long planes, int channels, int size_d, int out_d, int kernel_d,
                      int stride_d, int padding_d, int dilation_d, int size_h, int out_h,
                      int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w,
                      int out_w, int kernel_w, int stride_w, int padding_w, int dilation_w) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const Chosen chosen{dy, winners};
  const bool is_aligned = are_aligned(dx, dy, winners);
  if (is_aligned && channels % VECTOR == 0)
    sum_of_windows<VECTOR>(dx, s, chosen, Nothing());
  else if (is_aligned && are_pairs<T>(s))
    sum_of_pairs(
        dx, s,
        [=](C(&sum)[VECTOR], int tap, long long at, int, int, int) {
          const auto winner = *reinterpret_cast<const Pack<I, VECTOR / 2>*>(winners + at);
          C grads[VECTOR / 2];
          load(grads, dy + at);
#pragma unroll
          for (int k = 0; k < VECTOR; ++k)
            if (winner.at[k / 2] == tap + k % 2) sum[k] += grads[k / 2];
        },
        Nothing());
  else
    sum_of_windows<1>(dx, s, chosen, Nothing());
}

// The place of a winner in its plane, or -1 for a window that sees nothing of the input.
__device__ __forceinline__ long long place_of(const Stack& s, const Position& p, int tap) {
  const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h), w = taps_of(s.w, p.w);
  if (d.first >= d.last || h.first >= h.last || w.first >= w.last) return -1;
  const int k = tap % s.w.kernel, rows = tap / s.w.kernel;
  const int j = rows % s.h.kernel, i = rows / s.h.kernel;
  const long long row =
      static_cast<long long>(d.start + i * s.d.dilation) * s.h.size + (h.start + j * s.h.dilation);
  return row * s.w.size + (w.start + k * s.w.dilation);
}

// places = the winners' places in their flattened planes (0 where a window sees nothing).
// winners, places: (planes, out_d, out_h, out_w, channels). A thread takes one.
// Bytes: planes * channels * out_d * out_h * out_w * (8 + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    max_pool_places(long long* __restrict__ places, const I* __restrict__ winners, long long planes,
                    int channels, int size_d, int out_d, int kernel_d, int stride_d, int padding_d,
                    int dilation_d, int size_h, int out_h, int kernel_h, int stride_h,
                    int padding_h, int dilation_h, int size_w, int out_w, int kernel_w,
                    int stride_w, int padding_w, int dilation_w) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const long long n = planes * out_d * out_h * out_w * channels;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = place_of(s, position_of(i, out_d, out_h, out_w, channels), winners[i]);
    places[i] = place < 0 ? 0 : place;
  }
}

// y = x at the places of the winners; 0 where a window sees nothing.
// x: (planes, size_d, size_h, size_w, channels); y, winners: (planes, out_d, out_h, out_w,
// channels). A thread takes one winner.
// Bytes: planes * channels * out_d * out_h * out_w * (2 * sizeof(T) + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    max_pool_gather(T* __restrict__ y, const T* __restrict__ x, const I* __restrict__ winners,
                    long long planes, int channels, int size_d, int out_d, int kernel_d,
                    int stride_d, int padding_d, int dilation_d, int size_h, int out_h,
                    int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w,
                    int out_w, int kernel_w, int stride_w, int padding_w, int dilation_w) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const long long n = planes * out_d * out_h * out_w * channels;
  const long long size = static_cast<long long>(size_d) * size_h * size_w;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, out_d, out_h, out_w, channels);
    const long long place = place_of(s, p, winners[i]);
    y[i] = place < 0 ? from_compute<T>(C(0)) : x[(p.plane * size + place) * channels + p.channel];
  }
}
