// The error function, its complement, its inverse. By gpunn/ops/arithmetic/special_functions.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"

using C = accumulate_t<T>;

constexpr double TWO_OVER_ROOT_PI = 1.1283791670955126;

// All kernels: y or dx, dy and x have n elements; a thread takes 16 bytes of each at a time.

// y = erf(x) = 2 / sqrt(pi) ∫ exp(-t^2) dt from 0 to x.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erf_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return erf(x); }, x);
}

// dx = dy 2 / sqrt(pi) exp(-x^2).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erf_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                 long long n) {
  map(n, dx, [](C dy, C x) { return dy * (exp(-x * x) * C(TWO_OVER_ROOT_PI)); }, dy, x);
}

// y = 1 - erf(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erfc_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return erfc(x); }, x);
}

// dx = -dy 2 / sqrt(pi) exp(-x^2).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erfc_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  long long n) {
  map(n, dx, [](C dy, C x) { return dy * (exp(-x * x) * C(-TWO_OVER_ROOT_PI)); }, dy, x);
}

// The y with erf(y) = x; infinite at 1 and -1, NaN beyond.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erfinv_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return erfinv(x); }, x);
}

// dx = dy sqrt(pi) / 2 exp(y^2), y = erfinv(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    erfinv_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                    long long n) {
  auto slope = [](C dy, C x) {
    const C y = erfinv(x);
    return dy * (exp(y * y) * C(1.0 / TWO_OVER_ROOT_PI));
  };
  map(n, dx, slope, dy, x);
}

// y = erfc(-x / sqrt(2)) / 2, where the argument needs all digits of the quotient.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    ndtr_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map(n, y, [](C x) { return static_cast<C>(0.5 * erfc(x * -0.7071067811865476)); }, x);
}

// y = -x log x; 0 at 0, and minus infinity below.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    entr_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  const C lowest = -C(__int_as_float(0x7f800000));
  map(n, y, [=](C x) { return x < C(0) ? lowest : x == C(0) ? C(0) : -x * log(x); }, x);
}
