// Sums of windows, for average and power-average pooling. Twins: gpunn/ops/pool/average.py,
// power.py.
#pragma once
#include "pool/windows.cuh"
#include "reduce.cuh"

constexpr int WARP_WINDOW =
    64;  // a window of so many elements of rows without channels gets a warp

// What a window's sum is divided by: `number` unless it is 0, or the elements of the window, of
// which padding is part if `with_padding`.
struct Divisor {
  long long number;
  bool with_padding;

  __device__ __forceinline__ long long of(const Stack& s, int d, int h, int w) const {
    if (number != 0) return number;
    return static_cast<long long>(length_of(s.d, d, !with_padding)) *
           length_of(s.h, h, !with_padding) * length_of(s.w, w, !with_padding);
  }
};

// y = finish(sum of map(x) over a window, its divisor). A thread takes N channels of one window.
template <int N, class X, class F, class G>
__device__ __forceinline__ void sum_channels(X* y, const X* x, const Stack& s, Divisor divisor,
                                             F map, G finish) {
  using C = accumulate_t<X>;
  const int units = s.channels / N;
  const long long n = s.planes * s.d.out * s.h.out * s.w.out * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    Position p = position_of(i, s.d.out, s.h.out, s.w.out, units);
    p.channel *= N;
    Sums<N, C> sums;
    each_tap(s, p, [&](int, long long at) {
      C values[N];
      load(values, x + at);
#pragma unroll
      for (int k = 0; k < N; ++k) sums.part[k] += map(values[k]);
      sums.next();
    });
    sums.finish();
    const C size = static_cast<C>(divisor.of(s, p.d, p.h, p.w));
#pragma unroll
    for (int k = 0; k < N; ++k) sums.part[k] = finish(sums.part[k], size);
    store(y + i * N, sums.part);
  }
}

// The same for windows in pairs: a thread takes the windows over 16 bytes of a row.
template <class X, class F, class G>
__device__ __forceinline__ void sum_pairs(X* y, const X* x, const Stack& s, Divisor divisor, F map,
                                          G finish) {
  using C = accumulate_t<X>;
  constexpr int VECTOR = Vector<X>::LENGTH, N = VECTOR / 2;
  const int units = s.w.out / N;
  const long long n = s.planes * s.d.out * s.h.out * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, s.d.out, s.h.out, units, 1);
    const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h);
    C sum[N] = {};
    for (int t = d.first; t < d.last; ++t) {
      for (int r = h.first; r < h.last; ++r) {
        const long long row = (p.plane * s.d.size + (d.start + t)) * s.h.size + (h.start + r);
        C values[VECTOR];
        load(values, x + row * s.w.size + static_cast<long long>(p.w) * VECTOR);
#pragma unroll
        for (int k = 0; k < VECTOR; ++k) sum[k / 2] += map(values[k]);
      }
    }
    const C size = static_cast<C>(divisor.of(s, p.d, p.h, p.w * N));
#pragma unroll
    for (int k = 0; k < N; ++k) sum[k] = finish(sum[k], size);
    store(y + i * N, sum);
  }
}

// The same for large windows of rows without channels: the lanes of a warp take the elements of one
// window in turn, row by row.
template <class X, class F, class G>
__device__ __forceinline__ void sum_by_warps(X* y, const X* x, const Stack& s, Divisor divisor,
                                             F map, G finish) {
  using C = accumulate_t<X>;
  const long long n = s.planes * s.d.out * s.h.out * s.w.out;
  const int lane = threadIdx.x % 32;
  for (long long i = thread_index() / 32; i < n; i += thread_count() / 32) {
    const Position p = position_of(i, s.d.out, s.h.out, s.w.out, 1);
    const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h), w = taps_of(s.w, p.w);
    const int deep = d.last - d.first, high = h.last - h.first, wide = w.last - w.first;
    int at_w = lane % wide, at_h = lane / wide % high, at_d = lane / wide / high;
    const int step_w = 32 % wide, step_h = 32 / wide % high, step_d = 32 / wide / high;
    const long long first = p.plane * s.d.size + (d.start + d.first);
    double sum = 0;
    while (at_d < deep) {
      const long long row = (first + at_d) * s.h.size + (h.start + h.first + at_h);
      sum += map(to_compute(x[row * s.w.size + (w.start + w.first + at_w)]));
      at_w += step_w;
      const int carry_w = at_w >= wide;
      at_w -= carry_w * wide;
      at_h += step_h + carry_w;
      const int carry_h = at_h >= high;
      at_h -= carry_h * high;
      at_d += step_d + carry_h;
    }
    sum = warp_reduce(sum, merge::Add());
    const C size = static_cast<C>(divisor.of(s, p.d, p.h, p.w));
    if (lane == 0) y[i] = from_compute<X>(finish(static_cast<C>(sum), size));
  }
}

template <class X, class F, class G>
__device__ __forceinline__ void sum_windows(X* y, const X* x, const Stack& s, Divisor divisor,
                                            F map, G finish) {
  constexpr int VECTOR = Vector<X>::LENGTH;
  const bool is_aligned = are_aligned(y, x);
  if (s.channels == 1 && window_size(s) >= WARP_WINDOW)
    sum_by_warps(y, x, s, divisor, map, finish);
  else if (is_aligned && are_pairs<X>(s))
    sum_pairs(y, x, s, divisor, map, finish);
  else if (is_aligned && s.channels % VECTOR == 0)
    sum_channels<VECTOR>(y, x, s, divisor, map, finish);
  else
    sum_channels<1>(y, x, s, divisor, map, finish);
}

// dx of the stack of inputs = the sum of share over the windows that see the element:
// share(shares, at, size) writes those of N windows side by side, from `at` in the stack of outputs
// on, with divisor `size`.
template <class X, class F, class G>
__device__ __forceinline__ void spread_windows(X* dx, const Stack& s, Divisor divisor,
                                               bool is_aligned, F share, G finish) {
  using C = accumulate_t<X>;
  constexpr int VECTOR = Vector<X>::LENGTH;
  const auto add = [=](auto& sum, int, long long at, int d, int h, int w) {
    constexpr int N = sizeof(sum) / sizeof(C);
    C shares[N];
    share(shares, at, static_cast<C>(divisor.of(s, d, h, w)));
#pragma unroll
    for (int k = 0; k < N; ++k) sum[k] += shares[k];
  };
  if (is_aligned && s.channels % VECTOR == 0)
    sum_of_windows<VECTOR>(dx, s, add, finish);
  else if (is_aligned && are_pairs<X>(s))
    sum_of_pairs(
        dx, s,
        [=](C(&sum)[VECTOR], int, long long at, int d, int h, int w) {
          C shares[VECTOR / 2];
          share(shares, at, static_cast<C>(divisor.of(s, d, h, w)));
#pragma unroll
          for (int k = 0; k < VECTOR; ++k) sum[k] += shares[k / 2];
        },
        finish);
  else
    sum_of_windows<1>(dx, s, add, finish);
}
