// Elementwise functions that are computed in double whatever the elements are, and rounded once.
#pragma once
#include "common.cuh"

using C = accumulate_t<T>;

// The value of the polynomial with these coefficients, the highest power first.
template <int N>
__device__ __forceinline__ double polynomial(const double (&coefficients)[N], double x) {
  double sum = coefficients[0];
#pragma unroll
  for (int k = 1; k < N; ++k) sum = fma(sum, x, coefficients[k]);
  return sum;
}

// y[i] = f(x[i]) for all i < n, by the whole grid; f takes and returns doubles. Not 16 bytes at a
// time: f is long, and would be compiled as many times.
template <class F, class... X>
__device__ __forceinline__ void map_double(long long n, T* y, F f, const X*... x) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    y[i] = from_compute<T>(static_cast<C>(f(static_cast<double>(to_compute(x[i]))...)));
  }
}
