// Losses of numbers against targets with a variance. Launched by gpunn/ops/loss/gaussian.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "common.cuh"
#include "reduce.cuh"

// One number x, its target t and its variance. All kernels: x and t have n elements; element i has
// the variance i / (repeats * inner) * inner + i % inner, taken as eps if it is smaller. A NaN
// stays. A thread takes one element at a time.
struct Deviation {
  C variance, distance;

  __device__ __forceinline__ Deviation(const T* x, const T* t, const T* var, long long i,
                                       long long repeats, long long inner, double eps) {
    const long long at = repeats == 1 ? i : i / (repeats * inner) * inner + i % inner;
    const C given = to_compute(var[at]), least = static_cast<C>(eps);
    variance = given < least ? least : given;
    distance = to_compute(x[i]) - to_compute(t[i]);
  }
  __device__ __forceinline__ C loss(double constant) const {
    return C(0.5) * (log(variance) + distance * distance / variance) + static_cast<C>(constant);
  }
};

// y = (log var + (x - t)^2 / var) / 2 + constant.
// Bytes: (3 + 1 / repeats) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gaussian_each(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ t,
                  const T* __restrict__ var, long long n, long long repeats, long long inner,
                  double eps, double constant) {
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    y[i] = from_compute<T>(Deviation(x, t, var, i, repeats, inner, eps).loss(constant));
  }
}

// sums[b] = the sum of what gaussian_each would write, in double, over the elements that block b
// meets. The grid depends on n only.
// Bytes: (2 + 1 / repeats) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gaussian_sum(double* __restrict__ sums, const T* __restrict__ x, const T* __restrict__ t,
                 const T* __restrict__ var, long long n, long long repeats, long long inner,
                 double eps, double constant) {
  double sum = 0.0;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    sum += Deviation(x, t, var, i, repeats, inner, eps).loss(constant);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// With g = grad * scale: dx = g (x - t) / var if needs_x, dt = -dx if needs_t, and if needs_var the
// slope of the variance of each element, dvar = g (1 - (x - t)^2 / var) / (2 var). grad is one
// number, or one for each element if `each`.
// Bytes: (2 + 1 / repeats + each + needs_x + needs_t + needs_var) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gaussian_backward(T* __restrict__ dx, T* __restrict__ dt, C* __restrict__ dvar,
                      const T* __restrict__ grad, const T* __restrict__ x, const T* __restrict__ t,
                      const T* __restrict__ var, long long n, long long repeats, long long inner,
                      double eps, double scale, bool each, bool needs_x, bool needs_t,
                      bool needs_var) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Deviation at(x, t, var, i, repeats, inner, eps);
    const C factor = to_compute(grad[each ? i : 0]) * static_cast<C>(scale);
    const C share = at.distance / at.variance;
    if (needs_x) dx[i] = from_compute<T>(share * factor);
    if (needs_t) dt[i] = from_compute<T>(-share * factor);
    if (needs_var) {
      dvar[i] = C(0.5) * factor * (C(1) - at.distance * share) / at.variance;
    }
  }
}
