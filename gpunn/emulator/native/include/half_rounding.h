// The two 16-bit formats as bits: rounded from any number, read exactly.
#pragma once
#include "conversions.h"

namespace gpunn_emulator {

struct Float16 {
  static constexpr int DIGITS = 10, SMALLEST = -14;  // digits after the point; least exponent
  static constexpr unsigned short INFINITE = 0x7c00;
};
struct Bfloat16 {
  static constexpr int DIGITS = 7, SMALLEST = -126;
  static constexpr unsigned short INFINITE = 0x7f80;
};
constexpr unsigned short NOT_A_NUMBER = 0x7fff;  // what the hardware makes of every NaN

// Does the rounding go away from zero? `rest`: what the shift drops, `half`: one half of the last
// digit that stays.
GPUNN_DEVICE bool rounds_away(bool negative, bool odd, unsigned long long rest,
                              unsigned long long half, Rounding rounding) {
  switch (rounding) {
    case Rounding::NEAREST:
      return rest > half || (rest == half && odd);
    case Rounding::ZERO:
      return false;
    case Rounding::DOWN:
      return negative && rest != 0;
    default:
      return !negative && rest != 0;
  }
}

// Bits of the number that is nearest to x in `Format`, or next to it in the direction of
// `rounding`. Works on integers alone, so that numbers below 2^-126 are kept whatever the processor
// does with them.
template <class Format>
GPUNN_UNCHECKED unsigned short half_bits(double x, Rounding rounding = Rounding::NEAREST) {
  if (__builtin_isnan(x)) return NOT_A_NUMBER;
  const unsigned long long bits = bits_as<unsigned long long>(x);
  const bool negative = bits >> 63;
  const unsigned short sign = negative ? 0x8000 : 0;
  const int biased = static_cast<int>(bits >> 52 & 0x7ff);
  if (biased == 0x7ff) return sign | Format::INFINITE;
  const unsigned long long fraction = bits & ((1ull << 52) - 1);
  const unsigned long long digits = biased ? fraction | 1ull << 52 : fraction;
  const int exponent = (biased ? biased : 1) - 1023;

  int shift = 52 - Format::DIGITS;
  if (exponent < Format::SMALLEST) shift += Format::SMALLEST - exponent;
  if (shift > 62) shift = 62;  // nothing is left, and less than a half is dropped
  const unsigned long long kept = digits >> shift, one = 1ull << shift;
  const bool away = rounds_away(negative, kept & 1, digits & (one - 1), one >> 1, rounding);
  unsigned long long result = kept + away;
  if (exponent > Format::SMALLEST)  // a carry moves on into the exponent
    result += static_cast<unsigned long long>(exponent - Format::SMALLEST) << Format::DIGITS;
  if (result < Format::INFINITE) return sign | static_cast<unsigned short>(result);
  const bool to_infinity = rounds_away(negative, true, 1, 1, rounding);
  return sign | static_cast<unsigned short>(Format::INFINITE - !to_infinity);
}

// A double whose last digit is odd wherever digits were lost: it rounds to any shorter format as
// the exact number would.
GPUNN_DEVICE double rounded_to_odd(unsigned long long x) {
  if (x >> 53) x = (x & ~0xfffull) | (x & 0xfff ? 0x1000 : 0);
  return static_cast<double>(x);
}
GPUNN_DEVICE double rounded_to_odd(long long x) {
  const unsigned long long bits = static_cast<unsigned long long>(x);
  return x < 0 ? -rounded_to_odd(0 - bits) : rounded_to_odd(bits);
}
GPUNN_UNCHECKED double sum_rounded_to_odd(double a, double b) {
  const double sum = rounded(a + b), from_b = rounded(sum - a);
  const double error = rounded(a - rounded(sum - from_b)) + rounded(b - from_b);
  const unsigned long long bits = bits_as<unsigned long long>(sum);
  if (!(error < 0.0 || error > 0.0) || bits & 1) return sum;
  return bits_as<double>((error > 0.0) == (sum > 0.0) ? bits + 1 : bits - 1);
}

// From a float, which the processor may take for 0 if it is below 2^-126, as it may in a kernel.
template <class Format>
unsigned short half_bits_of_float(float x, Rounding rounding = Rounding::NEAREST);

template <>
GPUNN_UNCHECKED unsigned short half_bits_of_float<Float16>(float x, Rounding rounding) {
  const unsigned bits = bits_as<unsigned>(x);
  if (bits & 0x7fffffffu && !(bits & 0x7f800000u))  // far below 2^-24: which side of 0 is enough
    return half_bits<Float16>(bits >> 31 ? -0x1p-100 : 0x1p-100, rounding);
  return half_bits<Float16>(static_cast<double>(x), rounding);
}
template <>
GPUNN_DEVICE unsigned short half_bits_of_float<Bfloat16>(float x, Rounding rounding) {
  if (__builtin_isnan(x)) return NOT_A_NUMBER;
  const unsigned bits = bits_as<unsigned>(x), kept = bits >> 16;  // a bfloat16 is half a float
  return static_cast<unsigned short>(
      kept + rounds_away(bits >> 31, kept & 1, bits & 0xffffu, 0x8000u, rounding));
}

template <class Format>
GPUNN_INLINED float float_of(unsigned short bits);

template <>
GPUNN_INLINED float float_of<Float16>(unsigned short bits) {
  const unsigned sign = static_cast<unsigned>(bits & 0x8000u) << 16, digits = bits & 0x7fffu;
  if (digits >= 0x7c00u) return bits_as<float>(sign | 0x7f800000u | (digits & 0x3ffu) << 13);
  if (digits >= 0x400u) return bits_as<float>(sign | ((digits << 13) + (112u << 23)));
  return bits_as<float>(sign | bits_as<unsigned>(static_cast<float>(digits) * 0x1p-24f));
}
template <>
GPUNN_INLINED float float_of<Bfloat16>(unsigned short bits) {
  return bits_as<float>(static_cast<unsigned>(bits) << 16);
}

// As a double, so that no number is too small for the processor.
template <class Format>
GPUNN_UNCHECKED auto double_of(unsigned short bits) {
  if ((bits & Format::INFINITE) != 0) return static_cast<double>(float_of<Format>(bits));
  const double size =
      (bits & 0x7fff) * bits_as<double>((1023ull + Format::SMALLEST - Format::DIGITS) << 52);
  return bits >> 15 ? -size : size;
}

}  // namespace gpunn_emulator
