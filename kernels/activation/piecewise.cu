// Activations made of straight lines, and hardswish. Launched by gpunn/ops/activation/piecewise.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"

using C = accumulate_t<T>;
constexpr C SIXTH = C(1.0 / 6.0);

// All kernels: y or dx, dy and x have n elements; a thread takes 16 bytes of each at a time. NaN
// stays NaN; where x is NaN, dy passes, but through hardsigmoid.

// y = max(x, 0).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return x <= C(0) ? C(0) : x; }, x);
}

// dx = y > 0 ? dy : 0, where y = relu(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ y,
                  long long n) {
  map(n, dx, [](C dy, C y) { return y <= C(0) ? C(0) : dy; }, dy, y);
}

// y = x > 0 ? x : slope x.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    leaky_relu_forward(T* __restrict__ y, const T* __restrict__ x, double slope, long long n) {
  const C a = C(slope);
  map(n, y, [a](C x) { return x > C(0) ? x : a * x; }, x);
}

// dx = x > 0 ? dy : slope dy.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    leaky_relu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        double slope, long long n) {
  const C a = C(slope);
  map(n, dx, [a](C dy, C x) { return x > C(0) ? dy : a * dy; }, dy, x);
}

// y = min(max(x, low), high).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardtanh_forward(T* __restrict__ y, const T* __restrict__ x, double low, double high,
                     long long n) {
  const C a = C(low), b = C(high);
  map(n, y, [a, b](C x) { return x < a ? a : x > b ? b : x; }, x);
}

// dx = low < x < high ? dy : 0.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardtanh_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                      double low, double high, long long n) {
  const C a = C(low), b = C(high);
  map(n, dx, [a, b](C dy, C x) { return x <= a || x >= b ? C(0) : dy; }, dy, x);
}

// y = x > limit ? x : value.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    threshold_forward(T* __restrict__ y, const T* __restrict__ x, double limit, double value,
                      long long n) {
  const C a = C(limit), b = C(value);
  map(n, y, [a, b](C x) { return x <= a ? b : x; }, x);
}

// dx = x > limit ? dy : 0. `value` is not used.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    threshold_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                       double limit, double value, long long n) {
  const C a = C(limit);
  map(n, dx, [a](C dy, C x) { return x <= a ? C(0) : dy; }, dy, x);
}

// y = min(max(x + 3, 0), 6) / 6.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardsigmoid_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return x <= C(-3) ? C(0) : x >= C(3) ? C(1) : (x + C(3)) * SIXTH; }, x);
}

// dx = -3 < x < 3 ? dy / 6 : 0.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardsigmoid_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                         long long n) {
  map(n, dx, [](C dy, C x) { return x > C(-3) && x < C(3) ? dy * SIXTH : C(0); }, dy, x);
}

// y = x (min(max(x + 3, 0), 6) / 6), in this order: 6 x may overflow.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardswish_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return x <= C(-3) ? C(0) : x >= C(3) ? x : x * ((x + C(3)) * SIXTH); }, x);
}

// dx = dy (x <= -3 ? 0 : x < 3 ? x / 3 + 1/2 : 1).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardswish_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                       long long n) {
  auto slope = [](C dy, C x) {
    return x <= C(-3) ? C(0) : x >= C(3) ? dy : dy * (x * (C(2) * SIXTH) + C(0.5));
  };
  map(n, dx, slope, dy, x);
}

// y = |x| <= limit ? 0 : x.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardshrink_forward(T* __restrict__ y, const T* __restrict__ x, double limit, long long n) {
  const C a = C(limit);
  map(n, y, [a](C x) { return x >= -a && x <= a ? C(0) : x; }, x);
}

// dx = |x| <= limit ? 0 : dy.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    hardshrink_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        double limit, long long n) {
  const C a = C(limit);
  map(n, dx, [a](C dy, C x) { return x >= -a && x <= a ? C(0) : dy; }, dy, x);
}

// y = x - min(max(x, -limit), limit).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softshrink_forward(T* __restrict__ y, const T* __restrict__ x, double limit, long long n) {
  const C a = C(limit);
  map(n, y, [a](C x) { return x > a ? x - a : x < -a ? x + a : x - x; }, x);
}

// dx = |x| <= limit ? 0 : dy.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softshrink_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        double limit, long long n) {
  const C a = C(limit);
  map(n, dx, [a](C dy, C x) { return x >= -a && x <= a ? C(0) : dy; }, dy, x);
}
