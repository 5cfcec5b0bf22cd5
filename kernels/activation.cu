// Activations, forward and backward. Launched by gpunn/ops/activation.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"

using C = accumulate_t<T>;

// y = max(x, 0); NaN stays NaN. x, y: n elements. A thread takes 16 bytes at a time.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return x <= C(0) ? C(0) : x; }, x);
}

// dx = y > 0 ? dy : 0, where y = relu(x); where y is NaN, dy passes. dx, dy, y: n elements.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ y,
                  long long n) {
  map(n, dx, [](C dy, C y) { return y <= C(0) ? C(0) : dy; }, dy, y);
}
