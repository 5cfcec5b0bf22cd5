// sigmoid and tanh. Launched by gpunn/ops/arithmetic/exponential.py and hyperbolic.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/formulas.cuh"

using C = accumulate_t<T>;

// All kernels: y or dx, dy and x have n elements; a thread takes 16 bytes of each at a time.

// y = 1 / (1 + exp(-x)).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sigmoid_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return sigmoid(x); }, x);
}

// dx = dy y (1 - y), where y = sigmoid(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sigmoid_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ y,
                     long long n) {
  map(n, dx, [](C dy, C y) { return dy * ((C(1) - y) * y); }, dy, y);
}

// y = tanh(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return tanh(x); }, x);
}

// dx = dy (1 - y^2), where y = tanh(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ y,
                  long long n) {
  map(n, dx, [](C dy, C y) { return dy * (C(1) - y * y); }, dy, y);
}
