// Signs, limits and mixtures of numbers. Launched by gpunn/ops/arithmetic.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"

using C = accumulate_t<T>;

// All kernels: arrays have n elements; a thread takes 16 bytes of each at a time.

__device__ __forceinline__ C sign(C x) { return C(x > C(0)) - C(x < C(0)); }

// y = -1, 0 or 1, the sign of x; 0 for NaN.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sign_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return sign(x); }, x);
}

// dx = dy times the sign of x.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    abs_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                 long long n) {
  map(n, dx, [](C dy, C x) { return dy * sign(x); }, dy, x);
}

// dx = dy where low <= x <= high, else 0; limits are rounded to T first.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    clamp_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                   double low, double high, long long n) {
  const C least = to_compute(from_compute<T>(static_cast<C>(low)));
  const C most = to_compute(from_compute<T>(static_cast<C>(high)));
  auto slope = [=](C dy, C x) { return x >= least && x <= most ? dy : C(0); };
  map(n, dx, slope, dy, x);
}

// y = a + weight (b - a), exact at both ends.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    lerp_forward(T* __restrict__ y, const T* __restrict__ a, const T* __restrict__ b, double weight,
                 long long n) {
  const C w = static_cast<C>(weight);
  const bool is_near = abs(w) < C(0.5);
  map(n, y, [=](C a, C b) { return is_near ? a + w * (b - a) : b - (b - a) * (C(1) - w); }, a, b);
}
