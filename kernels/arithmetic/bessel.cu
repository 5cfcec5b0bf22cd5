// The modified Bessel functions I0 and I1. By gpunn/ops/arithmetic/bessel.py, scaled_bessel.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "arithmetic/double.cuh"

constexpr double FAR = 8.0;  // up to here the power series
constexpr int TERMS = 24;    // of the series, behind the first

// sqrt(x) exp(-x) I(x) as polynomials in 16 / x - 1. Source: gpunn/ops/arithmetic/bessel.py.
__constant__ double TAIL_0[] = {
    -2.4421973e-11,      9.1147602e-11,        1.76980855e-10,       -6.49459111e-10,
    -6.32790992e-10,     2.163681278e-09,      1.608488616e-09,      -4.530571077e-09,
    -3.586283411e-09,    6.522264862e-09,      7.600254486e-09,      -5.017594035e-09,
    -1.3427511482e-08,   -6.856484546e-09,     7.559364099e-09,      2.1567806761e-08,
    3.9325123211e-08,    8.8720145857e-08,     2.97359920847e-07,    1.483847678092e-06,
    1.1143033788452e-05, 0.000136216074389515, 0.003360551983667891, 0.4021765094450081};
__constant__ double TAIL_1[] = {
    2.2421769e-11,        -9.4918904e-11,        -1.62832643e-10,       6.77274785e-10,
    5.87066462e-10,       -2.262440111e-09,      -1.521821406e-09,      4.763780078e-09,
    3.501765193e-09,      -6.944418634e-09,      -7.687251309e-09,      5.572018398e-09,
    1.4051746929e-08,     6.847578299e-09,       -8.432168973e-09,      -2.3394122958e-08,
    -4.3128498031e-08,    -1.00010750462e-07,    -3.48385634643e-07,    -1.834910249399e-06,
    -1.5038547198222e-05, -0.000219235763831378, -0.009749577193235765, 0.38939845902587233};

// 1 + r(1) y (1 + r(2) y (1 + ...)): a power series by the ratios of its coefficients.
template <class R>
__device__ __forceinline__ double series(double y, R ratio) {
  double sum = 1.0;
#pragma unroll
  for (int k = TERMS; k > 0; --k) sum = fma(sum, y * ratio(k), 1.0);
  return sum;
}

// exp(x) / sqrt(x) times `factor`, the exponential in two parts: none overflows before the result.
__device__ __forceinline__ double scaled(double x, double factor) {
  const double root = exp(0.5 * x);
  return isinf(x) ? x : root * (factor / sqrt(x)) * root;
}

// Σ (x^2 / 4)^k / (k!)^2.
__device__ __forceinline__ double bessel_0(double x) {
  const double size = fabs(x);
  if (size < FAR) return series(0.25 * x * x, [](double k) { return 1.0 / (k * k); });
  return scaled(size, polynomial(TAIL_0, 16.0 / size - 1.0));
}

// x / 2 Σ (x^2 / 4)^k / (k! (k + 1)!).
__device__ __forceinline__ double bessel_1(double x) {
  const double size = fabs(x);
  if (size < FAR) {
    return 0.5 * x * series(0.25 * x * x, [](double k) { return 1.0 / (k * (k + 1.0)); });
  }
  return copysign(scaled(size, polynomial(TAIL_1, 16.0 / size - 1.0)), x);
}

// The derivative of I1: I0(x) - I1(x) / x = Σ (2k + 1) / 2 (x^2 / 4)^k / (k! (k + 1)!).
__device__ __forceinline__ double bessel_1_slope(double x) {
  const double size = fabs(x), y = 16.0 / size - 1.0;
  if (size < FAR) {
    auto ratio = [](double k) { return (2.0 * k + 1.0) / ((2.0 * k - 1.0) * k * (k + 1.0)); };
    return 0.5 * series(0.25 * x * x, ratio);
  }
  return scaled(size, polynomial(TAIL_0, y) - polynomial(TAIL_1, y) / size);
}

// exp(-|x|) I0(x) and exp(-|x|) I1(x).
__device__ __forceinline__ double damped_0(double x) {
  const double size = fabs(x);
  return size < FAR ? bessel_0(x) * exp(-size) : polynomial(TAIL_0, 16.0 / size - 1.0) / sqrt(size);
}
__device__ __forceinline__ double damped_1(double x) {
  const double size = fabs(x);
  if (size < FAR) return bessel_1(x) * exp(-size);
  return copysign(polynomial(TAIL_1, 16.0 / size - 1.0) / sqrt(size), x);
}

// All kernels: y or dx, dy and x have n elements; a thread takes one at a time.

// y = I0(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i0_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return bessel_0(x); }, x);
}

// dx = dy I1(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i0_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                long long n) {
  map_double(n, dx, [](double dy, double x) { return dy * bessel_1(x); }, dy, x);
}

// y = I1(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i1_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return bessel_1(x); }, x);
}

// dx = dy (I0(x) - I1(x) / x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i1_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                long long n) {
  map_double(n, dx, [](double dy, double x) { return dy * bessel_1_slope(x); }, dy, x);
}

// y = exp(-|x|) I0(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i0e_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return damped_0(x); }, x);
}

// y = exp(-|x|) I1(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    i1e_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return damped_1(x); }, x);
}
