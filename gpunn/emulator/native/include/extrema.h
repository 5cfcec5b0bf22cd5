// min and max, with CUDA's choice of types: of a signed and an unsigned integer the unsigned
// result, of a float and a double the double. Of a number and NaN: the number.
#pragma once
#include "math_functions.h"

#define GPUNN_EXTREMA(First, Second, Result)                             \
  GPUNN_DEVICE Result max(First a, Second b) {                           \
    const Result x = static_cast<Result>(a), y = static_cast<Result>(b); \
    return x < y ? y : x;                                                \
  }                                                                      \
  GPUNN_DEVICE Result min(First a, Second b) {                           \
    const Result x = static_cast<Result>(a), y = static_cast<Result>(b); \
    return y < x ? y : x;                                                \
  }
#define GPUNN_EXTREMA_OF_SIZE(Signed, Unsigned) \
  GPUNN_EXTREMA(Signed, Signed, Signed)         \
  GPUNN_EXTREMA(Unsigned, Unsigned, Unsigned)   \
  GPUNN_EXTREMA(Signed, Unsigned, Unsigned)     \
  GPUNN_EXTREMA(Unsigned, Signed, Unsigned)

GPUNN_EXTREMA_OF_SIZE(int, unsigned int)
GPUNN_EXTREMA_OF_SIZE(long, unsigned long)
GPUNN_EXTREMA_OF_SIZE(long long, unsigned long long)

#undef GPUNN_EXTREMA_OF_SIZE
#undef GPUNN_EXTREMA

GPUNN_DEVICE float max(float a, float b) { return fmaxf(a, b); }
GPUNN_DEVICE float min(float a, float b) { return fminf(a, b); }
GPUNN_DEVICE double max(double a, double b) { return fmax(a, b); }
GPUNN_DEVICE double min(double a, double b) { return fmin(a, b); }
GPUNN_DEVICE double max(float a, double b) { return fmax(static_cast<double>(a), b); }
GPUNN_DEVICE double min(float a, double b) { return fmin(static_cast<double>(a), b); }
GPUNN_DEVICE double max(double a, float b) { return fmax(a, static_cast<double>(b)); }
GPUNN_DEVICE double min(double a, float b) { return fmin(a, static_cast<double>(b)); }

GPUNN_DEVICE unsigned umax(unsigned a, unsigned b) { return max(a, b); }
GPUNN_DEVICE unsigned umin(unsigned a, unsigned b) { return min(a, b); }
GPUNN_DEVICE long long llmax(long long a, long long b) { return max(a, b); }
GPUNN_DEVICE long long llmin(long long a, long long b) { return min(a, b); }
GPUNN_DEVICE unsigned long long ullmax(unsigned long long a, unsigned long long b) {
  return max(a, b);
}
GPUNN_DEVICE unsigned long long ullmin(unsigned long long a, unsigned long long b) {
  return min(a, b);
}
