// Where the windows of pooling lie in a stack (planes, depth, height, width, channels).
// gpunn/ops/pool/windows.py makes the stacks and the numbers.
#pragma once
#include "common.cuh"

// One axis: the sizes of the input and of the output, and the windows. Window p starts at
// p * stride - padding; its element number t, its tap, lies t * dilation behind. With a stride of 0
// the windows are adaptive: p sees [p * size / out, (p + 1) * size / out), rounded outwards, and
// `kernel` is the longest.
struct Axis {
  int size, out, kernel, stride, padding, dilation;
};

struct Stack {
  long long planes;
  int channels;
  Axis d, h, w;
};

// The taps first <= t < last of a window lie inside the input, at start + t * dilation.
struct Taps {
  int start, first, last;
};

// The windows first <= p < last reach as far as a position of the input.
struct Span {
  int first, last;
};

struct Position {
  long long plane;
  int d, h, w, channel;
};

// number % base; number becomes number / base. Divides in 64 bits only where it must.
__device__ __forceinline__ int take_digit(long long& number, int base) {
  if (base == 1) return 0;
  if (number >> 32 == 0) {
    const unsigned int small = static_cast<unsigned int>(number);
    const unsigned int quotient = small / static_cast<unsigned int>(base);
    number = quotient;
    return static_cast<int>(small - quotient * static_cast<unsigned int>(base));
  }
  const long long quotient = number / base;
  const int digit = static_cast<int>(number - quotient * base);
  number = quotient;
  return digit;
}

// p * size / out for p <= out, rounded down. Not negative, so it fits an int. One copy for all
// places that ask for it, as adaptive windows alone do: dozens of divisions take compilers seconds.
__device__ __noinline__ int share_floor(int p, int size, int out) {
  long long product = static_cast<long long>(p) * size;
  take_digit(product, out);
  return static_cast<int>(product);
}

__device__ __noinline__ int share_ceil(int p, int size, int out) {
  long long product = static_cast<long long>(p) * size + (out - 1);
  take_digit(product, out);
  return static_cast<int>(product);
}

// number / dilation, which seldom is a division: one copy of that for all places.
__device__ __noinline__ int divided(int number, int by) { return number / by; }
__device__ __forceinline__ int steps_of(int number, int dilation) {
  return dilation == 1 ? number : divided(number, dilation);
}

__device__ __forceinline__ Taps taps_of(const Axis& axis, int p) {
  if (axis.stride == 0) {
    const int start = share_floor(p, axis.size, axis.out);
    return {start, 0, share_ceil(p + 1, axis.size, axis.out) - start};
  }
  const int start = p * axis.stride - axis.padding;
  int first = 0, last = axis.kernel;
  if (start < 0) first = steps_of(axis.dilation - 1 - start, axis.dilation);
  if (start + (axis.kernel - 1) * axis.dilation >= axis.size)
    last = start >= axis.size ? 0 : steps_of(axis.size - 1 - start, axis.dilation) + 1;
  return {start, first, last};
}

__device__ __forceinline__ Span windows_at(const Axis& axis, int position) {
  if (axis.stride == 0)
    return {share_floor(position, axis.out, axis.size),
            share_ceil(position + 1, axis.out, axis.size)};
  const int place = position + axis.padding, reach = (axis.kernel - 1) * axis.dilation;
  const int last = axis.stride == 1 ? place : place / axis.stride;
  const int first = place <= reach ? 0 : (place - reach - 1) / axis.stride + 1;
  return {first, last < axis.out ? last + 1 : axis.out};
}

// The tap of window p that lies at `position`, or -1 if `position` is between its taps.
__device__ __forceinline__ int tap_at(const Axis& axis, int p, int position) {
  if (axis.stride == 0) return position - share_floor(p, axis.size, axis.out);
  const int offset = position - (p * axis.stride - axis.padding);
  const int tap = steps_of(offset, axis.dilation);
  return tap * axis.dilation == offset ? tap : -1;
}

// The length of window p along an axis without what is beyond the padding, or (`inside`) beyond the
// input.
__device__ __forceinline__ int length_of(const Axis& axis, int p, bool inside) {
  const Taps taps = taps_of(axis, p);
  if (inside || axis.stride == 0) return taps.last - taps.first;
  const int end = taps.start + axis.kernel, limit = axis.size + axis.padding;
  return (end < limit ? end : limit) - taps.start;
}

// The position of item number i, with `units` items for each place of the axes.
__device__ __forceinline__ Position position_of(long long i, int size_d, int size_h, int size_w,
                                                int units) {
  Position position;
  position.channel = take_digit(i, units);
  position.w = take_digit(i, size_w);
  position.h = take_digit(i, size_h);
  position.d = take_digit(i, size_d);
  position.plane = i;
  return position;
}

// N elements side by side, moved at once: the address must be a multiple of their size, or of 16.
template <class X, int N>
struct alignas(N * sizeof(X) < 16 ? N * sizeof(X) : 16) Pack {
  X at[N];
};

template <class X, class C, int N>
__device__ __forceinline__ void load(C (&values)[N], const X* source) {
  const Pack<X, N> pack = *reinterpret_cast<const Pack<X, N>*>(source);
#pragma unroll
  for (int k = 0; k < N; ++k) values[k] = to_compute(pack.at[k]);
}

template <class X, class C, int N>
__device__ __forceinline__ void store(X* target, const C (&values)[N]) {
  Pack<X, N> pack;
#pragma unroll
  for (int k = 0; k < N; ++k) pack.at[k] = from_compute<X>(values[k]);
  *reinterpret_cast<Pack<X, N>*>(target) = pack;
}

// f(tap, at) for what the window of output position p sees inside the input, row by row: the tap's
// number in the window, and the place of its element, channel p.channel, in the stack.
template <class F>
__device__ __forceinline__ void each_tap(const Stack& s, const Position& p, F f) {
  const Taps d = taps_of(s.d, p.d), h = taps_of(s.h, p.h), w = taps_of(s.w, p.w);
#pragma unroll 1
  for (int i = d.first; i < d.last; ++i) {
    const long long deep = p.plane * s.d.size + (d.start + i * s.d.dilation);
#pragma unroll 1
    for (int j = h.first; j < h.last; ++j) {
      const long long row = (deep * s.h.size + (h.start + j * s.h.dilation)) * s.w.size;
      const int tap = (i * s.h.kernel + j) * s.w.kernel;
      for (int k = w.first; k < w.last; ++k)
        f(tap + k, (row + (w.start + k * s.w.dilation)) * s.channels + p.channel);
    }
  }
}

// f(tap, at, d, h, w) for the windows (d, h, w) that see input position p, in their order: the
// number of the tap that lies there, and the place of the window's element in the stack of outputs.
// Few windows do: loops that are not unrolled take fewer registers, and a quarter of the compiler's
// time less.
template <class F>
__device__ __forceinline__ void each_window(const Stack& s, const Position& p, F f) {
  const Span d = windows_at(s.d, p.d), h = windows_at(s.h, p.h), w = windows_at(s.w, p.w);
#pragma unroll 1
  for (int i = d.first; i < d.last; ++i) {
    const int tap_d = tap_at(s.d, i, p.d);
    if (tap_d < 0) continue;
#pragma unroll 1
    for (int j = h.first; j < h.last; ++j) {
      const int tap_h = tap_at(s.h, j, p.h);
      if (tap_h < 0) continue;
      const long long row = ((p.plane * s.d.out + i) * s.h.out + j) * s.w.out;
#pragma unroll 1
      for (int k = w.first; k < w.last; ++k) {
        const int tap_w = tap_at(s.w, k, p.w);
        if (tap_w < 0) continue;
        f((tap_d * s.h.kernel + tap_h) * s.w.kernel + tap_w, (row + k) * s.channels + p.channel, i,
          j, k);
      }
    }
  }
}

// How many elements a window has at most.
__device__ __forceinline__ long long window_size(const Stack& s) {
  return static_cast<long long>(s.d.kernel) * s.h.kernel * s.w.kernel;
}

// Whether the windows lie in pairs of elements along rows without channels, rows of whole vectors.
template <class X>
__device__ __forceinline__ bool are_pairs(const Stack& s) {
  return s.channels == 1 && s.w.kernel == 2 && s.w.stride == 2 && s.w.padding == 0 &&
         s.w.dilation == 1 && s.w.size == 2 * s.w.out && s.w.size % Vector<X>::LENGTH == 0;
}

// What finishes sums that are results already.
struct Nothing {
  template <class C>
  __device__ __forceinline__ void operator()(C&, long long) const {}
};

// Sums of N elements side by side: in C up to CHAIN terms, and of more than that in float64.
template <int N, class C>
struct Sums {
  static constexpr int CHAIN = 64;
  C part[N] = {};
  double total[N] = {};
  int count = 0;
  bool is_long = false;

  // After each term that is added to `part`.
  __device__ __forceinline__ void next() {
    if (++count < CHAIN) return;
    count = 0;
    is_long = true;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      total[k] += part[k];
      part[k] = 0;
    }
  }

  // The sums, in `part`.
  __device__ __forceinline__ void finish() {
    if (!is_long) return;
#pragma unroll
    for (int k = 0; k < N; ++k) part[k] = static_cast<C>(total[k] + part[k]);
  }
};

// dx of the stack of inputs, each element a sum over the windows that see it: add(sum, tap, at, d,
// h, w) adds what one window gives to N elements side by side in channels, and finish(sum, i) makes
// elements i, i + 1, ... of the sums. A thread makes N.
template <int N, class X, class F, class G>
__device__ __forceinline__ void sum_of_windows(X* dx, const Stack& s, F add, G finish) {
  const int units = s.channels / N;
  const long long n = s.planes * s.d.size * s.h.size * s.w.size * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    Position p = position_of(i, s.d.size, s.h.size, s.w.size, units);
    p.channel *= N;
    Sums<N, accumulate_t<X>> sums;
    each_window(s, p, [&](int tap, long long at, int d, int h, int w) {
      add(sums.part, tap, at, d, h, w);
      sums.next();
    });
    sums.finish();
    finish(sums.part, i * N);
    store(dx + i * N, sums.part);
  }
}

// The same for windows in pairs: add(sum, tap, at, d, h, w) adds what the windows at, at + 1, ...
// of one row, w the first, give to the elements of 16 bytes; `tap` is that of the first of a pair.
template <class X, class F, class G>
__device__ __forceinline__ void sum_of_pairs(X* dx, const Stack& s, F add, G finish) {
  constexpr int N = Vector<X>::LENGTH;
  const int units = s.w.size / N;
  const long long n = s.planes * s.d.size * s.h.size * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, s.d.size, s.h.size, units, 1);
    const Span d = windows_at(s.d, p.d), h = windows_at(s.h, p.h);
    const int w = p.w * (N / 2);
    accumulate_t<X> sum[N] = {};
#pragma unroll 1
    for (int j = d.first; j < d.last; ++j) {
      const int tap_d = tap_at(s.d, j, p.d);
      if (tap_d < 0) continue;
#pragma unroll 1
      for (int k = h.first; k < h.last; ++k) {
        const int tap_h = tap_at(s.h, k, p.h);
        if (tap_h < 0) continue;
        const long long row = ((p.plane * s.d.out + j) * s.h.out + k) * s.w.out;
        add(sum, (tap_d * s.h.kernel + tap_h) * 2, row + w, j, k, w);
      }
    }
    finish(sum, i * N);
    store(dx + i * N, sum);
  }
}
