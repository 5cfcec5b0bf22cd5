// Activations that bend like an exponential. Launched by gpunn/ops/activation/exponential.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/formulas.cuh"

using C = accumulate_t<T>;

// All kernels: y or dx, dy and x have n elements; a thread takes 16 bytes of each at a time. NaN
// stays NaN.

// y = x > 0 ? scale x : alpha (exp(rate x) - 1).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    elu_forward(T* __restrict__ y, const T* __restrict__ x, double alpha, double scale, double rate,
                long long n) {
  const C a = C(alpha), b = C(scale), c = C(rate);
  map(n, y, [a, b, c](C x) { return x > C(0) ? b * x : a * expm1(c * x); }, x);
}

// dx = dy (x > 0 ? scale : alpha rate exp(rate x)).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    elu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                 double alpha, double scale, double rate, long long n) {
  const C a = C(alpha * rate), b = C(scale), c = C(rate);
  map(n, dx, [a, b, c](C dy, C x) { return dy * (x > C(0) ? b : a * exp(c * x)); }, dy, x);
}

// y = beta x > limit ? x : log(1 + exp(beta x)) / beta.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softplus_forward(T* __restrict__ y, const T* __restrict__ x, double beta, double limit,
                     long long n) {
  const C b = C(beta), most = C(limit);
  auto value = [=](C x) { return b * x > most ? x : log1p(exp_of<C>(beta * x)) / b; };
  map(n, y, value, x);
}

// dx = beta x > limit ? dy : dy sigmoid(beta x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softplus_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                      double beta, double limit, long long n) {
  const C b = C(beta), most = C(limit);
  map(n, dx, [b, most](C dy, C x) { return b * x > most ? dy : dy * sigmoid(b * x); }, dy, x);
}

// y = min(x, 0) - log(1 + exp(-|x|)).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    logsigmoid_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return (x < C(0) ? x : C(0)) - log1p(exp(-abs(x))); }, x);
}

// dx = dy sigmoid(-x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    logsigmoid_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        long long n) {
  map(n, dx, [](C dy, C x) { return dy * sigmoid(-x); }, dy, x);
}

// y = x / (1 + |x|), +-1 at infinity.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softsign_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  auto value = [](C x) {
    const C z = bounded(x, 1e30);
    return z * (C(1) / (C(1) + abs(z)));
  };
  map(n, y, value, x);
}

// dx = dy / (1 + |x|)^2.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    softsign_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                      long long n) {
  auto slope = [](C dy, C x) {
    const C scale = C(1) + abs(x);
    return dy / (scale * scale);
  };
  map(n, dx, slope, dy, x);
}

// x - tanh x. Beside 0, where it cancels, by Lambert's continued fraction tanh x = x / (1 + x^2 /
// (3
// + x^2 / (5 + ...))): x^3 / (3 + x^2 (1 + g)), g = 1 / (5 + x^2 / (7 + ...)) = bottom / top.
__device__ __forceinline__ C tanh_shrunk(C x) {
  if (!(abs(x) < C(1.5))) return x - tanh(x);
  constexpr int LAST = sizeof(C) == 8 ? 21 : 13;
  const C square = x * x;
  C top = square + C(LAST), bottom = C(1);
#pragma unroll
  for (int odd = LAST - 2; odd > 3; odd -= 2) {
    const C next = fma(square, bottom, C(odd) * top);
    bottom = top;
    top = next;
  }
  return x * (square / fma(square, C(1) + bottom / top, C(3)));
}

// y = x - tanh x.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanhshrink_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return tanh_shrunk(x); }, x);
}

// dx = dy tanh(x)^2.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanhshrink_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        long long n) {
  auto slope = [](C dy, C x) {
    const C t = tanh(x);
    return dy * t * t;
  };
  map(n, dx, slope, dy, x);
}
