// log |gamma(x)| and its derivatives. Launched by gpunn/ops/arithmetic/special_functions.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "arithmetic/double.cuh"

constexpr double PI = 3.141592653589793;

// digamma(1 + t) / (t - root), 0 <= t <= 7: numerator and denominator. The root is a sum.
// Source: gpunn/ops/arithmetic/special.py.
__constant__ double TOP[] = {5.257630566710371e-10, 1.984538427696047e-07, 1.8065804983560476e-05,
                             0.0006524381767599345, 0.011426070244369249,  0.10682453985737415,
                             0.5537428967581938,    1.5726891079782805,    2.2538899056712296,
                             1.2503801375034054};
__constant__ double BOTTOM[] = {7.02187563548245e-11,
                                3.700740394950145e-08,
                                4.258631846926015e-06,
                                0.00018874521075114387,
                                0.004028747411922858,
                                0.04625693797416102,
                                0.3013631761745271,
                                1.1281900358873493,
                                2.3553501358164466,
                                2.486110561928652,
                                1.0};
constexpr double ROOT = 0.46163214496836236, ROOT_REST = -1.5522348162858677e-17;
// B2j / 2j from j = 10 down, and B2j from j = 1 up, the numbers of Bernoulli.
__constant__ double LOG_SERIES[] = {
    -26.456212121212122,   3.0539543302701198,   -0.4432598039215686,   0.08333333333333334,
    -0.02109279609279609,  0.007575757575757576, -0.004166666666666667, 0.003968253968253968,
    -0.008333333333333333, 0.08333333333333333};
__constant__ double BERNOULLI[] = {0.16666666666666666,  -0.03333333333333333, 0.023809523809523808,
                                   -0.03333333333333333, 0.07575757575757576,  -0.2531135531135531,
                                   1.1666666666666667,   -7.092156862745098,   54.971177944862156,
                                   -529.1242424242424};
constexpr int TERMS = 10;

// x^n, n > 0.
__device__ __forceinline__ double power(double x, int n) {
  double y = n % 2 ? x : 1.0;
#pragma unroll 1
  for (n /= 2; n > 0; n /= 2) {
    x *= x;
    if (n % 2) y *= x;
  }
  return y;
}

// x >= 8: log x - 1 / 2x - Σ B2j / (2j x^2j). Below a rational function, and below 1 digamma(x) =
// digamma(x + 1) - 1 / x. x < 0: digamma(1 - x) - pi cot(pi x), NaN at -1, -2, ...
__device__ __forceinline__ double digamma(double x) {
  const double z = x < 0.0 ? 1.0 - x : x;
  const double t = x < 0.0 ? -x : x < 1.0 ? x : x - 1.0;  // not rounded
  double y;
  if (z < 8.0) {
    y = (t - ROOT - ROOT_REST) * (polynomial(TOP, t) / polynomial(BOTTOM, t));
    if (z < 1.0) y -= 1.0 / z;
  } else {
    const double w = 1.0 / (z * z);
    y = log(z) - 0.5 / z - w * polynomial(LOG_SERIES, w);
  }
  if (!(x < 0.0)) return y;
  const double r = x - rint(x);
  return r == 0.0 ? __longlong_as_double(0x7ff8000000000000) : y - PI * (cospi(r) / sinpi(r));
}

// Σ 1 / (x + k)^(n + 1), k = 0, 1, ..., of x >= 0 and n > 0: 8 + n terms, the smallest first, and
// for the rest the formula of Euler and Maclaurin.
__device__ __forceinline__ double zeta(int n, double x) {
  const double end = x + (8 + n), w = 1.0 / (end * end);
  double sum = 1.0 / n + 0.5 / end, factor = 0.5 * (n + 1) * w;
#pragma unroll 1
  for (int j = 1; j <= TERMS; ++j) {
    sum += BERNOULLI[j - 1] * factor;
    const double a = n + 2 * j, b = 2 * j + 1;
    factor *= w * (a * (a + 1.0)) / (b * (b + 1.0));
  }
  sum /= power(end, n);
#pragma unroll 1
  for (int k = 7 + n; k >= 0; --k) sum += 1.0 / power(x + k, n + 1);
  return sum;
}

// The derivative of order n > 0 of digamma: (-1)^(n + 1) n! zeta(n, x). For x <= 0 that sum is the
// one over all whole numbers, in two halves that meet at the one next to x, without zeta(1 - x).
__device__ __forceinline__ double polygamma(int n, double x) {
  const bool is_odd = n % 2;
  const double r = x - rint(x), near = fabs(r);
  const double upper = r < 0.0 ? 1.0 - near : near, lower = r < 0.0 ? near : 1.0 - near;
  double sum = 0.0;
#pragma unroll 1
  for (int part = 0; part < (x > 0.0 ? 1 : 3); ++part) {
    const double from = x > 0.0 ? x : part == 0 ? upper : part == 1 ? lower : 1.0 - x;
    const double found = zeta(n, from);
    sum += part == (is_odd ? 2 : 1) ? -found : found;
  }
#pragma unroll 1
  for (int k = 2; k <= n; ++k) sum *= k;
  return is_odd ? sum : -sum;
}

// All kernels: y or dx, dy and x have n elements; a thread takes one at a time.

// y = log |gamma(x)|; infinite at 0, -1, -2, ...
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    lgamma_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return lgamma(x); }, x);
}

// dx = dy digamma(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    lgamma_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                    long long n) {
  map_double(n, dx, [](double dy, double x) { return dy * digamma(x); }, dy, x);
}

// y = digamma(x).
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    digamma_forward(T* __restrict__ y, const T* __restrict__ x, long long n) {
  map_double(n, y, [](double x) { return digamma(x); }, x);
}

// dx = dy polygamma(1, x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    digamma_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                     long long n) {
  map_double(n, dx, [](double dy, double x) { return dy * polygamma(1, x); }, dy, x);
}

// y = polygamma(order, x), order > 0.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    polygamma_forward(T* __restrict__ y, const T* __restrict__ x, int order, long long n) {
  map_double(n, y, [order](double x) { return polygamma(order, x); }, x);
}

// dx = dy polygamma(order + 1, x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    polygamma_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                       int order, long long n) {
  map_double(n, dx, [order](double dy, double x) { return dy * polygamma(order + 1, x); }, dy, x);
}
