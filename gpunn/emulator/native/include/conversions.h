// Conversions between integers and floating-point numbers with a rounding of choice: _rn to the
// nearest (even), _rz towards zero, _rd down, _ru up. Sums and products that are rounded at once.
#pragma once
#include "math_functions.h"

namespace gpunn_emulator {

enum class Rounding { NEAREST, ZERO, DOWN, UP };

GPUNN_DEVICE double whole(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::NEAREST:
      return __builtin_rint(x);
    case Rounding::ZERO:
      return __builtin_trunc(x);
    case Rounding::DOWN:
      return __builtin_floor(x);
    default:
      return __builtin_ceil(x);
  }
}

// What is beyond the range becomes its end, as in PTX's cvt. NaN becomes 0, but the integer with
// only the highest bit set if it came from a double, or goes to 64 bits.
template <class Integer, class From>
GPUNN_UNCHECKED auto to_integer(double value, Rounding rounding) {
  constexpr int BITS = 8 * sizeof(Integer);
  constexpr bool SIGNED = static_cast<Integer>(-1) < static_cast<Integer>(0);
  constexpr unsigned long long TOP = 1ull << (BITS - 1);
  constexpr double END = static_cast<double>(TOP) * (SIGNED ? 1.0 : 2.0);
  if (__builtin_isnan(value))
    return BITS == 64 || sizeof(From) == 8 ? static_cast<Integer>(TOP) : Integer{0};
  const double x = whole(value, rounding);
  if (x >= END) return static_cast<Integer>(SIGNED ? TOP - 1 : TOP - 1 + TOP);
  if (x < (SIGNED ? -END : 0.0)) return static_cast<Integer>(SIGNED ? TOP : 0);
  return static_cast<Integer>(x);
}

// The neighbour of a number in the direction in which the rounding must go, where the nearest one
// is on the wrong side. `error`: the sign of exact - nearest.
template <class Float, class Bits>
GPUNN_DEVICE auto corrected(Float nearest, int error, Rounding rounding) {
  const bool negative = __builtin_signbit(nearest);
  if (rounding == Rounding::ZERO) rounding = negative ? Rounding::UP : Rounding::DOWN;
  const bool down = rounding == Rounding::DOWN && error < 0;
  const bool up = rounding == Rounding::UP && error > 0;
  if (!down && !up) return nearest;
  if (nearest == Float{0}) {
    const Float smallest = bits_as<Float>(Bits{1});
    return down ? -smallest : smallest;
  }
  const Bits bits = bits_as<Bits>(nearest);
  return bits_as<Float>(down == negative ? bits + 1 : bits - 1);
}

template <class Float, class Bits, class Integer>
GPUNN_UNCHECKED auto from_integer(Integer value, Rounding rounding) {
  const Float nearest = static_cast<Float>(value);
  const Int128 given = value;
  const Int128 got = static_cast<Int128>(nearest);
  return corrected<Float, Bits>(nearest, (given > got) - (given < got), rounding);
}

GPUNN_DEVICE float to_float(double value, Rounding rounding) {
  const float nearest = static_cast<float>(value);
  const double got = nearest;
  return corrected<float, unsigned>(nearest, (value > got) - (value < got), rounding);
}

// The compiler must not make one rounding out of this one and the next.
GPUNN_DEVICE float rounded(float x) {
  int bits = bits_as<int>(x);
  __asm__("" : "+r"(bits));
  return bits_as<float>(bits);
}
GPUNN_DEVICE double rounded(double x) {
  long long bits = bits_as<long long>(x);
  __asm__("" : "+r"(bits));
  return bits_as<double>(bits);
}

}  // namespace gpunn_emulator

#define GPUNN_4_ROUNDINGS(define, ...) GPUNN_4_ROUNDINGS_OF(define, __VA_ARGS__)
#define GPUNN_4_ROUNDINGS_OF(define, name, ...)                          \
  define(name##_rn, gpunn_emulator::Rounding::NEAREST, __VA_ARGS__)      \
      define(name##_rz, gpunn_emulator::Rounding::ZERO, __VA_ARGS__)     \
          define(name##_rd, gpunn_emulator::Rounding::DOWN, __VA_ARGS__) \
              define(name##_ru, gpunn_emulator::Rounding::UP, __VA_ARGS__)

#define GPUNN_TO_INTEGER(name, rounding, From, Integer)            \
  GPUNN_DEVICE Integer name(From x) {                              \
    return gpunn_emulator::to_integer<Integer, From>(x, rounding); \
  }
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __float2int, float, int)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __float2uint, float, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __float2ll, float, long long)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __float2ull, float, unsigned long long)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __double2int, double, int)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __double2uint, double, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __double2ll, double, long long)
GPUNN_4_ROUNDINGS(GPUNN_TO_INTEGER, __double2ull, double, unsigned long long)
#undef GPUNN_TO_INTEGER

#define GPUNN_FROM_INTEGER(name, rounding, Integer, Float, Bits)   \
  GPUNN_DEVICE Float name(Integer x) {                             \
    return gpunn_emulator::from_integer<Float, Bits>(x, rounding); \
  }
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __int2float, int, float, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __uint2float, unsigned, float, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __ll2float, long long, float, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __ull2float, unsigned long long, float, unsigned)
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __ll2double, long long, double, unsigned long long)
GPUNN_4_ROUNDINGS(GPUNN_FROM_INTEGER, __ull2double, unsigned long long, double, unsigned long long)
#undef GPUNN_FROM_INTEGER

GPUNN_DEVICE double __int2double_rn(int x) { return x; }
GPUNN_DEVICE double __uint2double_rn(unsigned x) { return x; }

#define GPUNN_TO_FLOAT(name, rounding, From) \
  GPUNN_DEVICE float name(From x) { return gpunn_emulator::to_float(x, rounding); }
GPUNN_4_ROUNDINGS(GPUNN_TO_FLOAT, __double2float, double)
#undef GPUNN_TO_FLOAT

GPUNN_DEVICE float __fadd_rn(float a, float b) { return gpunn_emulator::rounded(a + b); }
GPUNN_DEVICE float __fsub_rn(float a, float b) { return gpunn_emulator::rounded(a - b); }
GPUNN_DEVICE float __fmul_rn(float a, float b) { return gpunn_emulator::rounded(a * b); }
GPUNN_DEVICE float __fdiv_rn(float a, float b) { return a / b; }
GPUNN_DEVICE float __frcp_rn(float x) { return 1.0f / x; }
GPUNN_DEVICE float __fsqrt_rn(float x) { return sqrtf(x); }
GPUNN_DEVICE float __frsqrt_rn(float x) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(x)));
}
GPUNN_DEVICE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
GPUNN_DEVICE double __dadd_rn(double a, double b) { return gpunn_emulator::rounded(a + b); }
GPUNN_DEVICE double __dsub_rn(double a, double b) { return gpunn_emulator::rounded(a - b); }
GPUNN_DEVICE double __dmul_rn(double a, double b) { return gpunn_emulator::rounded(a * b); }
GPUNN_DEVICE double __ddiv_rn(double a, double b) { return a / b; }
GPUNN_DEVICE double __drcp_rn(double x) { return 1.0 / x; }
GPUNN_DEVICE double __dsqrt_rn(double x) { return sqrt(x); }
GPUNN_DEVICE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// x in [0, 1]; NaN becomes 0.
GPUNN_DEVICE float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
