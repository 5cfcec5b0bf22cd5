// Activations that are x times a gate. Launched by gpunn/ops/activation/gated.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/formulas.cuh"

using C = accumulate_t<T>;

// All kernels: y or dx, dy and x have n elements; a thread takes 16 bytes of each at a time.

// y = x sigmoid(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    silu_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return silu(x); }, x);
}

// dx = dy s (1 + x (1 - s)), s = sigmoid(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    silu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  long long n) {
  map(n, dx, [](C dy, C x) { return dy * silu_slope(x); }, dy, x);
}

// y = x tanh(log(1 + exp(x))).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    mish_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return mish(x); }, x);
}

// dx = dy (t + x (1 - t^2) sigmoid(x)), t = tanh(log(1 + exp(x))).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    mish_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  long long n) {
  map(n, dx, [](C dy, C x) { return dy * mish_slope(x); }, dy, x);
}

// y = x Phi(x), Phi the distribution function of the normal distribution.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gelu_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return gelu(x); }, x);
}

// dx = dy (Phi(x) + x phi(x)), phi the density.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gelu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  long long n) {
  map(n, dx, [](C dy, C x) { return dy * gelu_slope(x); }, dy, x);
}

// y = x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_gelu_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return tanh_gelu(x); }, x);
}

// dx = dy (s + s (1 - s) x (2 u)'), s = sigmoid(2 u).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_gelu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                       long long n) {
  map(n, dx, [](C dy, C x) { return dy * tanh_gelu_slope(x); }, dy, x);
}
