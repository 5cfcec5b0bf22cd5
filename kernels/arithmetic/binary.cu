// Functions of two numbers and their slopes. Launched by gpunn/ops/arithmetic/fused.py.
// T: float, double, __half, __nv_bfloat16
// OP: Quotient, Larger, Smaller, LogSum
// BLOCK: 256
#include "common.cuh"

using C = accumulate_t<T>;

// Each struct: the value of a and b, and dy times the slopes of a and of b.

struct Quotient {
  static __device__ __forceinline__ C value(C a, C b) { return a / b; }
  static __device__ __forceinline__ C da(C dy, C, C b) { return dy / b; }
  static __device__ __forceinline__ C db(C dy, C a, C b) { return -dy * (a / b / b); }
};

// What a number that is as large as the other, or beside a NaN, gets: half, all.
__device__ __forceinline__ C share(C dy, bool has_lost, bool is_equal) {
  return has_lost ? C(0) : is_equal ? C(0.5) * dy : dy;
}
struct Larger {
  static __device__ __forceinline__ C value(C a, C b) { return is_nan(a) || a > b ? a : b; }
  static __device__ __forceinline__ C da(C dy, C a, C b) { return share(dy, a < b, a == b); }
  static __device__ __forceinline__ C db(C dy, C a, C b) { return share(dy, b < a, a == b); }
};
struct Smaller {
  static __device__ __forceinline__ C value(C a, C b) { return is_nan(a) || a < b ? a : b; }
  static __device__ __forceinline__ C da(C dy, C a, C b) { return share(dy, a > b, a == b); }
  static __device__ __forceinline__ C db(C dy, C a, C b) { return share(dy, b > a, a == b); }
};

// log(exp(a) + exp(b)).
struct LogSum {
  static __device__ __forceinline__ C value(C a, C b) {
    const C largest = Larger::value(a, b), gap = a == b ? C(0) : abs(a - b);
    return largest + log1p(exp(-gap));
  }
  static __device__ __forceinline__ C da(C dy, C a, C b) { return dy / (exp(b - a) + C(1)); }
  static __device__ __forceinline__ C db(C dy, C a, C b) { return dy / (exp(a - b) + C(1)); }
};

// All kernels: arrays have n elements; a thread takes one at a time.

// y = value(a, b).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    binary_forward(T* __restrict__ y, const T* __restrict__ a, const T* __restrict__ b,
                   long long n) {
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    y[i] = from_compute<T>(OP::value(to_compute(a[i]), to_compute(b[i])));
  }
}

// da and db, those that are needed, from dy.
// Bytes: (3 + needs_a + needs_b) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    binary_backward(T* __restrict__ da, T* __restrict__ db, const T* __restrict__ dy,
                    const T* __restrict__ a, const T* __restrict__ b, long long n, bool needs_a,
                    bool needs_b) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const C grad = to_compute(dy[i]), x = to_compute(a[i]), y = to_compute(b[i]);
    if (needs_a) da[i] = from_compute<T>(OP::da(grad, x, y));
    if (needs_b) db[i] = from_compute<T>(OP::db(grad, x, y));
  }
}
