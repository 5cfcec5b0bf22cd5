// Elements and the channels they belong to: an array (outer, channels, inner).
#pragma once
#include "common.cuh"

// i / d, of numbers that are not negative; by 32-bit instructions where they do, a tenth as many.
__device__ __forceinline__ long long quotient(long long i, long long d) {
  if (((i | d) >> 32) == 0) return static_cast<unsigned>(i) / static_cast<unsigned>(d);
  return i / d;
}

// y[i] = f(x[i], ..., channel of i) for all i < n, by the whole grid, 16 bytes at a time where the
// addresses allow it; as `map` of common.cuh.
template <class F, class Y, class... X>
__device__ __forceinline__ void map_channels(long long n, long long channels, long long inner, Y* y,
                                             F f, const X*... x) {
  constexpr int LENGTH = Vector<Y>::LENGTH;
  const long long vectors = are_aligned(y, x...) ? n / LENGTH : 0;
  for (long long v = thread_index(); v < vectors; v += thread_count()) {
    const long long line = quotient(v * LENGTH, inner);
    long long left = (line + 1) * inner - v * LENGTH;
    long long channel = line - quotient(line, channels) * channels;
    auto take = [&](const Vector<X>&... in) {
      Vector<Y> result;
#pragma unroll
      for (int k = 0; k < LENGTH; ++k) {
        result.at[k] = from_compute<Y>(f(to_compute(in.at[k])..., channel));
        if (--left == 0) {
          left = inner;
          channel = channel + 1 == channels ? 0 : channel + 1;
        }
      }
      store_vector(y + v * LENGTH, result);
    };
    take(load_vector(x + v * LENGTH)...);
  }
  for (long long i = vectors * LENGTH + thread_index(); i < n; i += thread_count()) {
    const long long line = quotient(i, inner), channel = line - quotient(line, channels) * channels;
    y[i] = from_compute<Y>(f(to_compute(x[i])..., channel));
  }
}
