// Arithmetic, comparisons and functions of a 16-bit type and its pair. Read twice by half.h, as
// half_type.h. Each result is the exact one, rounded once.

#define FUNCTION_1(name, name2, formula)       \
  GPUNN_DEVICE HALF name(HALF a) {             \
    const double x = gpunn_emulator::wide(a);  \
    return HALF(static_cast<double>(formula)); \
  }                                            \
  GPUNN_DEVICE HALF2 name2(HALF2 a) { return {name(a.x), name(a.y)}; }
FUNCTION_1(hceil, h2ceil, ceil(x))
FUNCTION_1(hfloor, h2floor, floor(x))
FUNCTION_1(hrint, h2rint, rint(x))
FUNCTION_1(htrunc, h2trunc, trunc(x))
FUNCTION_1(hsqrt, h2sqrt, sqrt(x))
FUNCTION_1(hrsqrt, h2rsqrt, rsqrt(x))
FUNCTION_1(hrcp, h2rcp, 1.0 / x)
FUNCTION_1(hexp, h2exp, exp(x))
FUNCTION_1(hexp2, h2exp2, exp2(x))
FUNCTION_1(hexp10, h2exp10, exp10(x))
FUNCTION_1(hlog, h2log, log(x))
FUNCTION_1(hlog2, h2log2, log2(x))
FUNCTION_1(hlog10, h2log10, log10(x))
FUNCTION_1(hsin, h2sin, sin(x))
FUNCTION_1(hcos, h2cos, cos(x))
FUNCTION_1(htanh, h2tanh, tanh(x))
FUNCTION_1(htanh_approx, h2tanh_approx, tanh(x))
#undef FUNCTION_1

GPUNN_DEVICE HALF __hneg(HALF a) {
  return gpunn_emulator::NAME(, _from_bits)(gpunn_emulator::bits_of(a) ^ 0x8000);
}
GPUNN_DEVICE HALF __habs(HALF a) {
  return gpunn_emulator::NAME(, _from_bits)(gpunn_emulator::bits_of(a) & 0x7fff);
}
GPUNN_DEVICE bool __hisnan(HALF a) {
  return (gpunn_emulator::bits_of(a) & 0x7fff) > FORMAT::INFINITE;
}
GPUNN_DEVICE int __hisinf(HALF a) {
  if ((gpunn_emulator::bits_of(a) & 0x7fff) != FORMAT::INFINITE) return 0;
  return gpunn_emulator::bits_of(a) >> 15 ? -1 : 1;
}
GPUNN_DEVICE HALF2 __hneg2(HALF2 a) { return {__hneg(a.x), __hneg(a.y)}; }
GPUNN_DEVICE HALF2 __habs2(HALF2 a) { return {__habs(a.x), __habs(a.y)}; }
GPUNN_DEVICE HALF2 __hisnan2(HALF2 a) {
  return {__hisnan(a.x) ? 1.0f : 0.0f, __hisnan(a.y) ? 1.0f : 0.0f};
}

namespace gpunn_emulator {

// Of two numbers the greater one, of a number and NaN the number, unless NaN is asked for; -0 < +0.
GPUNN_DEVICE HALF greater(HALF a, HALF b, bool want_nan) {
  const HALF nan = NAME(, _from_bits)(NOT_A_NUMBER);
  if (__hisnan(a) && __hisnan(b)) return nan;
  if (__hisnan(a) || __hisnan(b)) return want_nan ? nan : __hisnan(a) ? b : a;
  const double x = wide(a), y = wide(b);
  return x > y || (x == y && !(bits_of(a) >> 15)) ? a : b;
}
// NaN becomes 0 when the result is held in [0, 1] or, by relu, in [0, infinity); relu keeps it.
GPUNN_DEVICE HALF saturated(HALF a) {
  const double x = wide(a);
  return HALF(x > 0.0 ? (x < 1.0 ? x : 1.0) : 0.0);
}
GPUNN_DEVICE HALF not_negative(HALF a) {
  return __hisnan(a) || !(bits_of(a) >> 15) ? a : NAME(, _from_bits)(0);
}

}  // namespace gpunn_emulator

#define FUNCTION_2(name, name2, result)                     \
  GPUNN_DEVICE HALF name(HALF a, HALF b) { return result; } \
  GPUNN_DEVICE HALF2 name2(HALF2 a, HALF2 b) { return {name(a.x, b.x), name(a.y, b.y)}; }
#define OPERATION(name, name2, sign) \
  FUNCTION_2(name, name2, HALF(gpunn_emulator::wide(a) sign gpunn_emulator::wide(b)))
OPERATION(__hadd, __hadd2, +)
OPERATION(__hsub, __hsub2, -)
OPERATION(__hmul, __hmul2, *)
OPERATION(__hdiv, __h2div, /)
FUNCTION_2(__hadd_rn, __hadd2_rn, __hadd(a, b))
FUNCTION_2(__hsub_rn, __hsub2_rn, __hsub(a, b))
FUNCTION_2(__hmul_rn, __hmul2_rn, __hmul(a, b))
FUNCTION_2(__hadd_sat, __hadd2_sat, gpunn_emulator::saturated(__hadd(a, b)))
FUNCTION_2(__hsub_sat, __hsub2_sat, gpunn_emulator::saturated(__hsub(a, b)))
FUNCTION_2(__hmul_sat, __hmul2_sat, gpunn_emulator::saturated(__hmul(a, b)))
FUNCTION_2(__hmax, __hmax2, gpunn_emulator::greater(a, b, false))
FUNCTION_2(__hmax_nan, __hmax2_nan, gpunn_emulator::greater(a, b, true))
FUNCTION_2(__hmin, __hmin2, __hisnan(a) ? __hmax(a, b) : __hneg(__hmax(__hneg(a), __hneg(b))))
FUNCTION_2(__hmin_nan, __hmin2_nan, __hisnan(a) || __hisnan(b) ? __hmax_nan(a, b) : __hmin(a, b))
#undef OPERATION
#undef FUNCTION_2

#define FUNCTION_3(name, name2, result)                             \
  GPUNN_DEVICE HALF name(HALF a, HALF b, HALF c) { return result; } \
  GPUNN_DEVICE HALF2 name2(HALF2 a, HALF2 b, HALF2 c) {             \
    return {name(a.x, b.x, c.x), name(a.y, b.y, c.y)};              \
  }
FUNCTION_3(__hfma, __hfma2,  // the product has at most 22 digits
           HALF(gpunn_emulator::sum_rounded_to_odd(
               gpunn_emulator::wide(a) * gpunn_emulator::wide(b), gpunn_emulator::wide(c))))
FUNCTION_3(__hfma_sat, __hfma2_sat, gpunn_emulator::saturated(__hfma(a, b, c)))
FUNCTION_3(__hfma_relu, __hfma2_relu, gpunn_emulator::not_negative(__hfma(a, b, c)))
#undef FUNCTION_3

// a b + c of complex numbers (real part, imaginary part).
GPUNN_DEVICE HALF2 __hcmadd(HALF2 a, HALF2 b, HALF2 c) {
  return {__hfma(__hneg(a.y), b.y, __hfma(a.x, b.x, c.x)), __hfma(a.y, b.x, __hfma(a.x, b.y, c.y))};
}

// Comparisons: of two numbers (u: or true if one is NaN); of pairs as numbers 1 and 0, as masks,
// and as one bool.
#define COMPARISON(name, test)                                                              \
  GPUNN_DEVICE bool __h##name(HALF a, HALF b) {                                             \
    const double x = gpunn_emulator::wide(a), y = gpunn_emulator::wide(b);                  \
    return test;                                                                            \
  }                                                                                         \
  GPUNN_DEVICE HALF2 __h##name##2(HALF2 a, HALF2 b) {                                       \
    return {__h##name(a.x, b.x) ? 1.0f : 0.0f, __h##name(a.y, b.y) ? 1.0f : 0.0f};          \
  }                                                                                         \
  GPUNN_DEVICE unsigned __h##name##2_mask(HALF2 a, HALF2 b) {                               \
    return (__h##name(a.x, b.x) ? 0xffffu : 0u) | (__h##name(a.y, b.y) ? 0xffff0000u : 0u); \
  }                                                                                         \
  GPUNN_DEVICE bool __hb##name##2(HALF2 a, HALF2 b) {                                       \
    return __h##name(a.x, b.x) && __h##name(a.y, b.y);                                      \
  }
COMPARISON(eq, x == y)
COMPARISON(ne, x<y || x> y)
COMPARISON(lt, x < y)
COMPARISON(le, x <= y)
COMPARISON(gt, x > y)
COMPARISON(ge, x >= y)
COMPARISON(equ, !(x < y || x > y))
COMPARISON(neu, x != y)
COMPARISON(ltu, !(x >= y))
COMPARISON(leu, !(x > y))
COMPARISON(gtu, !(x <= y))
COMPARISON(geu, !(x < y))
#undef COMPARISON

#define OPERATOR(sign, Type, function)                                                     \
  GPUNN_DEVICE Type operator sign(const Type& a, const Type& b) { return function(a, b); } \
  GPUNN_DEVICE Type& operator sign## = (Type & a, const Type& b) { return a = function(a, b); }
OPERATOR(+, HALF, __hadd)
OPERATOR(-, HALF, __hsub)
OPERATOR(*, HALF, __hmul)
OPERATOR(/, HALF, __hdiv)
OPERATOR(+, HALF2, __hadd2)
OPERATOR(-, HALF2, __hsub2)
OPERATOR(*, HALF2, __hmul2)
OPERATOR(/, HALF2, __h2div)
#undef OPERATOR

#define OPERATOR(sign, name)                                                                \
  GPUNN_DEVICE bool operator sign(const HALF& a, const HALF& b) { return __h##name(a, b); } \
  GPUNN_DEVICE bool operator sign(const HALF2& a, const HALF2& b) { return __hb##name##2(a, b); }
OPERATOR(==, eq)
OPERATOR(!=, neu)
OPERATOR(<, lt)
OPERATOR(<=, le)
OPERATOR(>, gt)
OPERATOR(>=, ge)
#undef OPERATOR

GPUNN_DEVICE HALF operator+(const HALF& a) { return a; }
GPUNN_DEVICE HALF operator-(const HALF& a) { return __hneg(a); }
GPUNN_DEVICE HALF2 operator+(const HALF2& a) { return a; }
GPUNN_DEVICE HALF2 operator-(const HALF2& a) { return __hneg2(a); }

#define OPERATOR(sign, Type, one)                                            \
  GPUNN_DEVICE Type& operator sign##sign(Type& a) { return a sign## = one; } \
  GPUNN_DEVICE Type operator sign##sign(Type& a, int) {                      \
    const Type before = a;                                                   \
    a sign## = one;                                                          \
    return before;                                                           \
  }
OPERATOR(+, HALF, HALF(1.0f))
OPERATOR(-, HALF, HALF(1.0f))
OPERATOR(+, HALF2, HALF2(HALF(1.0f), HALF(1.0f)))
OPERATOR(-, HALF2, HALF2(HALF(1.0f), HALF(1.0f)))
#undef OPERATOR
