// Mathematics under CUDA's names. The C library has most of it; its C++ headers are not read, for
// they would let pass what NVRTC refuses.
#pragma once
#include "bits.h"

// Functions of one number: `name`f of a float, `name` of a double, and `name` of a float too.
#define GPUNN_LIBRARY_1(name)               \
  extern "C" float name##f(float) noexcept; \
  extern "C" double name(double) noexcept;  \
  GPUNN_DEVICE float name(float x) { return name##f(x); }
#define GPUNN_LIBRARY_2(name)                      \
  extern "C" float name##f(float, float) noexcept; \
  extern "C" double name(double, double) noexcept; \
  GPUNN_DEVICE float name(float x, float y) { return name##f(x, y); }

GPUNN_LIBRARY_1(acos)
GPUNN_LIBRARY_1(acosh)
GPUNN_LIBRARY_1(asin)
GPUNN_LIBRARY_1(asinh)
GPUNN_LIBRARY_1(atan)
GPUNN_LIBRARY_1(atanh)
GPUNN_LIBRARY_1(cbrt)
GPUNN_LIBRARY_1(ceil)
GPUNN_LIBRARY_1(cos)
GPUNN_LIBRARY_1(cosh)
GPUNN_LIBRARY_1(erf)
GPUNN_LIBRARY_1(erfc)
GPUNN_LIBRARY_1(exp)
GPUNN_LIBRARY_1(exp2)
GPUNN_LIBRARY_1(exp10)
GPUNN_LIBRARY_1(expm1)
GPUNN_LIBRARY_1(fabs)
GPUNN_LIBRARY_1(floor)
GPUNN_LIBRARY_1(j0)
GPUNN_LIBRARY_1(j1)
GPUNN_LIBRARY_1(lgamma)
GPUNN_LIBRARY_1(log)
GPUNN_LIBRARY_1(log10)
GPUNN_LIBRARY_1(log1p)
GPUNN_LIBRARY_1(log2)
GPUNN_LIBRARY_1(logb)
GPUNN_LIBRARY_1(nearbyint)
GPUNN_LIBRARY_1(rint)
GPUNN_LIBRARY_1(round)
GPUNN_LIBRARY_1(sin)
GPUNN_LIBRARY_1(sinh)
GPUNN_LIBRARY_1(sqrt)
GPUNN_LIBRARY_1(tan)
GPUNN_LIBRARY_1(tanh)
GPUNN_LIBRARY_1(tgamma)
GPUNN_LIBRARY_1(trunc)
GPUNN_LIBRARY_1(y0)
GPUNN_LIBRARY_1(y1)
GPUNN_LIBRARY_2(atan2)
GPUNN_LIBRARY_2(copysign)
GPUNN_LIBRARY_2(fdim)
GPUNN_LIBRARY_2(fmax)
GPUNN_LIBRARY_2(fmin)
GPUNN_LIBRARY_2(fmod)
GPUNN_LIBRARY_2(hypot)
GPUNN_LIBRARY_2(nextafter)
GPUNN_LIBRARY_2(pow)
GPUNN_LIBRARY_2(remainder)

#undef GPUNN_LIBRARY_1
#undef GPUNN_LIBRARY_2

// The same for functions whose arguments or results are not all of the one type.
#define GPUNN_LIBRARY(Result32, Result64, name, Parameters32, Parameters64, Arguments) \
  extern "C" Result32 name##f Parameters32 noexcept;                                   \
  extern "C" Result64 name Parameters64 noexcept;                                      \
  GPUNN_DEVICE Result32 name Parameters32 { return name##f Arguments; }

GPUNN_LIBRARY(float, double, fma, (float x, float y, float z), (double, double, double), (x, y, z))
GPUNN_LIBRARY(float, double, frexp, (float x, int* exponent), (double, int*), (x, exponent))
GPUNN_LIBRARY(int, int, ilogb, (float x), (double), (x))
GPUNN_LIBRARY(float, double, jn, (int order, float x), (int, double), (order, x))
GPUNN_LIBRARY(float, double, yn, (int order, float x), (int, double), (order, x))
GPUNN_LIBRARY(float, double, ldexp, (float x, int exponent), (double, int), (x, exponent))
GPUNN_LIBRARY(float, double, scalbn, (float x, int exponent), (double, int), (x, exponent))
GPUNN_LIBRARY(float, double, scalbln, (float x, long exponent), (double, long), (x, exponent))
GPUNN_LIBRARY(long long, long long, llrint, (float x), (double), (x))
GPUNN_LIBRARY(long long, long long, llround, (float x), (double), (x))
GPUNN_LIBRARY(long, long, lrint, (float x), (double), (x))
GPUNN_LIBRARY(long, long, lround, (float x), (double), (x))
GPUNN_LIBRARY(float, double, modf, (float x, float* whole), (double, double*), (x, whole))
GPUNN_LIBRARY(float, double, remquo, (float x, float y, int* quotient), (double, double, int*),
              (x, y, quotient))

#undef GPUNN_LIBRARY

extern "C" {
float nanf(const char*) noexcept;
double nan(const char*) noexcept;
int abs(int) noexcept;
long labs(long) noexcept;
long long llabs(long long) noexcept;
int printf(const char*, ...);
}

// Not the C library's sincos: check mode would not see what it writes.
GPUNN_DEVICE void sincos(double x, double* sine, double* cosine) {
  *sine = sin(x);
  *cosine = cos(x);
}
GPUNN_DEVICE void sincosf(float x, float* sine, float* cosine) {
  *sine = sinf(x);
  *cosine = cosf(x);
}
GPUNN_DEVICE void sincos(float x, float* sine, float* cosine) { sincosf(x, sine, cosine); }
GPUNN_DEVICE float powif(float x, int n) { return powf(x, static_cast<float>(n)); }
GPUNN_DEVICE double powi(double x, int n) { return pow(x, static_cast<double>(n)); }
GPUNN_DEVICE float pow(float x, int n) { return powif(x, n); }
GPUNN_DEVICE double pow(double x, int n) { return powi(x, n); }
GPUNN_DEVICE long abs(long x) { return labs(x); }
GPUNN_DEVICE long long abs(long long x) { return llabs(x); }
GPUNN_DEVICE float abs(float x) { return fabsf(x); }
GPUNN_DEVICE double abs(double x) { return fabs(x); }

GPUNN_DEVICE bool isnan(float x) { return __builtin_isnan(x); }
GPUNN_DEVICE bool isnan(double x) { return __builtin_isnan(x); }
GPUNN_DEVICE bool isinf(float x) { return __builtin_isinf(x); }
GPUNN_DEVICE bool isinf(double x) { return __builtin_isinf(x); }
GPUNN_DEVICE bool isfinite(float x) { return __builtin_isfinite(x); }
GPUNN_DEVICE bool isfinite(double x) { return __builtin_isfinite(x); }
GPUNN_DEVICE bool signbit(float x) { return __builtin_signbit(x); }
GPUNN_DEVICE bool signbit(double x) { return __builtin_signbit(x); }
