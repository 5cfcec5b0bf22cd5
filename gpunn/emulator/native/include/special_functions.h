// The functions that the C library does not have. A float comes from the formula in double.
#pragma once
#include "math_functions.h"

namespace gpunn_emulator {

constexpr double PI = 3.14159265358979323846;
constexpr double SQRT_HALF = 0.70710678118654752440;
constexpr double SQRT_PI = 1.77245385090551602730;
constexpr double INF = __builtin_inf();

// sin(pi x) and cos(pi x), exact at multiples of 1/2: x is taken modulo 2 first.
GPUNN_UNCHECKED double sine_of_pi(double x) {
  const double turn = remainder(x, 2.0);  // [-1, 1]
  const double side = fabs(turn) > 0.5 ? copysign(1.0, turn) - turn : turn;
  return side == 0.0 ? copysign(0.0, x) : sin(PI * side);
}
GPUNN_UNCHECKED double cosine_of_pi(double x) {
  const double turn = fabs(remainder(x, 2.0));  // [0, 1]
  return turn > 0.25 && turn < 0.75 ? sin(PI * (0.5 - turn)) : cos(PI * turn);
}

// exp(x^2) erfc(x). The continued fraction of Laplace where the product would underflow.
GPUNN_UNCHECKED double scaled_erfc(double x) {
  if (!(x > 5.0)) return exp(x * x) * erfc(x);
  double fraction = x;
  for (int n = 60; n > 0; --n) fraction = x + 0.5 * n / fraction;
  return 1.0 / (fraction * SQRT_PI);
}

// The z with erf(z) = y or erfc(z) = y, by Halley's steps: near the middle from z = y sqrt(pi) / 2
// with erf, else from an estimate that is good to 1e-3 with erfc, which keeps its digits for small
// y.
GPUNN_UNCHECKED double inverse_erf_near_0(double y) {
  double z = y * SQRT_PI / 2.0;
  for (int step = 0; step < 5; ++step) {
    const double newton = (y - erf(z)) * exp(z * z) * SQRT_PI / 2.0;
    z += newton / (1.0 + z * newton);
  }
  return z;
}
GPUNN_UNCHECKED double inverse_erfc(double y) {
  if (!(y > 0.0 && y < 2.0)) return y == 0.0 ? INF : y == 2.0 ? -INF : __builtin_nan("");
  if (y > 0.5 && y < 1.5) return inverse_erf_near_0(1.0 - y);
  if (y > 1.0) return -inverse_erfc(2.0 - y);
  const double t = sqrt(-2.0 * log(y / 2.0));
  double z = SQRT_HALF * (t - (2.30753 + t * 0.27061) / (1.0 + t * (0.99229 + t * 0.04481)));
  for (int step = 0; step < 4; ++step) {
    const double newton = (scaled_erfc(z) - y * exp(z * z)) * SQRT_PI / 2.0;
    z += newton / (1.0 + z * newton);
  }
  return z;
}
GPUNN_UNCHECKED double inverse_erf(double y) {
  if (fabs(y) < 0.5) return inverse_erf_near_0(y);
  return copysign(inverse_erfc(1.0 - fabs(y)), y);
}

// The modified Bessel functions: their power series, or the asymptotic one.
GPUNN_UNCHECKED double bessel_i(int order, double x) {
  const double size = fabs(x);
  const double sign = order == 1 && x < 0.0 ? -1.0 : 1.0;
  double sum = 0.0;
  if (size < 40.0) {
    double term = order == 0 ? 1.0 : size / 2.0;
    for (int k = 1; k < 200; ++k) {
      sum += term;
      term *= size * size / (4.0 * k * (k + order));
    }
    return sign * sum;
  }
  double term = 1.0;
  for (int k = 1; k < 25; ++k) {
    sum += term;
    term *= -(4.0 * order - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * k * size);
  }
  return sign * sum * (exp(size / 2.0) / sqrt(2.0 * PI * size)) * exp(size / 2.0);
}

// The length of a vector, without overflow on the way.
GPUNN_UNCHECKED double length_of(double a, double b, double c, double d) {
  return hypot(hypot(a, b), hypot(c, d));
}

}  // namespace gpunn_emulator

#define GPUNN_SPECIAL_1(name, formula)                           \
  GPUNN_DEVICE double name(double x) { return formula; }         \
  GPUNN_DEVICE float name##f(float value) {                      \
    return static_cast<float>(name(static_cast<double>(value))); \
  }                                                              \
  GPUNN_DEVICE float name(float x) { return name##f(x); }

GPUNN_SPECIAL_1(rsqrt, 1.0 / sqrt(x))
GPUNN_SPECIAL_1(rcbrt, 1.0 / cbrt(x))
GPUNN_SPECIAL_1(sinpi, gpunn_emulator::sine_of_pi(x))
GPUNN_SPECIAL_1(cospi, gpunn_emulator::cosine_of_pi(x))
GPUNN_SPECIAL_1(erfcx, gpunn_emulator::scaled_erfc(x))
GPUNN_SPECIAL_1(erfinv, gpunn_emulator::inverse_erf(x))
GPUNN_SPECIAL_1(erfcinv, gpunn_emulator::inverse_erfc(x))
GPUNN_SPECIAL_1(normcdf, erfc(-gpunn_emulator::SQRT_HALF* x) / 2.0)
GPUNN_SPECIAL_1(normcdfinv, -gpunn_emulator::inverse_erfc(2.0 * x) / gpunn_emulator::SQRT_HALF)

#undef GPUNN_SPECIAL_1

// CUDA gives these no overload of the double's name for a float.
GPUNN_DEVICE double cyl_bessel_i0(double x) { return gpunn_emulator::bessel_i(0, x); }
GPUNN_DEVICE double cyl_bessel_i1(double x) { return gpunn_emulator::bessel_i(1, x); }
GPUNN_DEVICE float cyl_bessel_i0f(float x) { return static_cast<float>(cyl_bessel_i0(x)); }
GPUNN_DEVICE float cyl_bessel_i1f(float x) { return static_cast<float>(cyl_bessel_i1(x)); }

GPUNN_DEVICE void sincospi(double x, double* sine, double* cosine) {
  *sine = sinpi(x);
  *cosine = cospi(x);
}
GPUNN_DEVICE void sincospif(float x, float* sine, float* cosine) {
  *sine = sinpif(x);
  *cosine = cospif(x);
}
GPUNN_DEVICE void sincospi(float x, float* sine, float* cosine) { sincospif(x, sine, cosine); }

GPUNN_DEVICE double norm3d(double a, double b, double c) {
  return gpunn_emulator::length_of(a, b, c, 0.0);
}
GPUNN_DEVICE double norm4d(double a, double b, double c, double d) {
  return gpunn_emulator::length_of(a, b, c, d);
}
GPUNN_DEVICE double rhypot(double x, double y) { return 1.0 / hypot(x, y); }
GPUNN_DEVICE double rnorm3d(double a, double b, double c) { return 1.0 / norm3d(a, b, c); }
GPUNN_DEVICE double rnorm4d(double a, double b, double c, double d) {
  return 1.0 / norm4d(a, b, c, d);
}
GPUNN_DEVICE float norm3df(float a, float b, float c) {
  return static_cast<float>(norm3d(a, b, c));
}
GPUNN_DEVICE float norm4df(float a, float b, float c, float d) {
  return static_cast<float>(norm4d(a, b, c, d));
}
GPUNN_DEVICE float rhypotf(float x, float y) {
  return static_cast<float>(rhypot(static_cast<double>(x), static_cast<double>(y)));
}
GPUNN_DEVICE float rhypot(float x, float y) { return rhypotf(x, y); }
GPUNN_DEVICE float rnorm3df(float a, float b, float c) {
  return static_cast<float>(rnorm3d(a, b, c));
}
GPUNN_DEVICE float rnorm4df(float a, float b, float c, float d) {
  return static_cast<float>(rnorm4d(a, b, c, d));
}
