// A 16-bit type, its pair and their conversions. Read twice by half.h, which sets HALF, HALF2, RAW,
// RAW2, OTHER, FORMAT and NAME; so there is no #pragma once. Constructors and conversion operators
// are those of NVIDIA's headers, for they decide which expressions are ambiguous.

struct __align__(2) RAW {
  unsigned short x;
};
struct __align__(4) RAW2 {
  unsigned short x, y;
};

struct __align__(2) HALF {
 protected:
  unsigned short bits;

  template <class Integer>
  auto towards_zero() const {
    return gpunn_emulator::to_integer<Integer, HALF>(gpunn_emulator::double_of<FORMAT>(bits),
                                                     gpunn_emulator::Rounding::ZERO);
  }

 public:
  HALF() = default;
  constexpr HALF(const RAW& raw) : bits(raw.x) {}
  explicit HALF(OTHER other);
  HALF(float x) : bits(gpunn_emulator::half_bits_of_float<FORMAT>(x)) {}
  HALF(double x) : bits(gpunn_emulator::half_bits<FORMAT>(x)) {}
  HALF(short x) : HALF(static_cast<double>(x)) {}
  HALF(unsigned short x) : HALF(static_cast<double>(x)) {}
  HALF(int x) : HALF(static_cast<double>(x)) {}
  HALF(unsigned int x) : HALF(static_cast<double>(x)) {}
  HALF(long x) : HALF(static_cast<long long>(x)) {}
  HALF(unsigned long x) : HALF(static_cast<unsigned long long>(x)) {}
  HALF(long long x) : HALF(gpunn_emulator::rounded_to_odd(x)) {}
  HALF(unsigned long long x) : HALF(gpunn_emulator::rounded_to_odd(x)) {}

  operator RAW() const { return {bits}; }
  operator float() const { return gpunn_emulator::float_of<FORMAT>(bits); }
  operator bool() const { return (bits & 0x7fff) != 0; }
  operator char() const { return towards_zero<char>(); }
  operator signed char() const { return towards_zero<signed char>(); }
  operator unsigned char() const { return towards_zero<unsigned char>(); }
  operator short() const { return towards_zero<short>(); }
  operator unsigned short() const { return towards_zero<unsigned short>(); }
  operator int() const { return towards_zero<int>(); }
  operator unsigned int() const { return towards_zero<unsigned int>(); }
  operator long() const { return towards_zero<long>(); }
  operator unsigned long() const { return towards_zero<unsigned long>(); }
  operator long long() const { return towards_zero<long long>(); }
  operator unsigned long long() const { return towards_zero<unsigned long long>(); }
};

struct __align__(4) HALF2 {
  HALF x, y;

  HALF2() = default;
  constexpr HALF2(const HALF& x, const HALF& y) : x(x), y(y) {}
  HALF2(const RAW2& raw) : x(RAW{raw.x}), y(RAW{raw.y}) {}
  operator RAW2() const { return {static_cast<RAW>(x).x, static_cast<RAW>(y).x}; }
};

namespace gpunn_emulator {

GPUNN_DEVICE unsigned short bits_of(HALF a) { return static_cast<RAW>(a).x; }
GPUNN_DEVICE double wide(HALF a) { return double_of<FORMAT>(bits_of(a)); }
GPUNN_DEVICE HALF NAME(, _from_bits)(int bits) { return RAW{static_cast<unsigned short>(bits)}; }

}  // namespace gpunn_emulator

GPUNN_DEVICE short NAME(__, _as_short)(HALF a) {
  return static_cast<short>(gpunn_emulator::bits_of(a));
}
GPUNN_DEVICE unsigned short NAME(__, _as_ushort)(HALF a) { return gpunn_emulator::bits_of(a); }
GPUNN_DEVICE HALF NAME(__short_as_, )(short x) { return gpunn_emulator::NAME(, _from_bits)(x); }
GPUNN_DEVICE HALF NAME(__ushort_as_, )(unsigned short x) {
  return gpunn_emulator::NAME(, _from_bits)(x);
}

GPUNN_DEVICE float NAME(__, 2float)(HALF a) { return a; }
GPUNN_DEVICE HALF NAME(__double2, )(double x) { return x; }
GPUNN_DEVICE HALF NAME(__float2, )(float x) { return x; }

#define TO_HALF(name, rounding, From)                                    \
  GPUNN_DEVICE HALF name(From x) {                                       \
    return RAW{gpunn_emulator::half_bits_of_float<FORMAT>(x, rounding)}; \
  }
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__float2, ), float)
#undef TO_HALF

#define TO_HALF(name, rounding, From, Exact)                           \
  GPUNN_DEVICE HALF name(From x) {                                     \
    return RAW{gpunn_emulator::half_bits<FORMAT>(Exact(x), rounding)}; \
  }
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__short2, ), short, static_cast<double>)
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__ushort2, ), unsigned short, static_cast<double>)
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__int2, ), int, static_cast<double>)
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__uint2, ), unsigned int, static_cast<double>)
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__ll2, ), long long, gpunn_emulator::rounded_to_odd)
GPUNN_4_ROUNDINGS(TO_HALF, NAME(__ull2, ), unsigned long long, gpunn_emulator::rounded_to_odd)
#undef TO_HALF

#define FROM_HALF(name, rounding, Integer)                                               \
  GPUNN_DEVICE Integer name(HALF a) {                                                    \
    return gpunn_emulator::to_integer<Integer, HALF>(gpunn_emulator::wide(a), rounding); \
  }
FROM_HALF(NAME(__, 2char_rz), gpunn_emulator::Rounding::ZERO, signed char)
FROM_HALF(NAME(__, 2uchar_rz), gpunn_emulator::Rounding::ZERO, unsigned char)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2short), short)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2ushort), unsigned short)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2int), int)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2uint), unsigned int)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2ll), long long)
GPUNN_4_ROUNDINGS(FROM_HALF, NAME(__, 2ull), unsigned long long)
#undef FROM_HALF

GPUNN_DEVICE HALF2 NAME(make_, 2)(HALF x, HALF y) { return {x, y}; }
GPUNN_DEVICE HALF2 NAME(__halves2, 2)(HALF x, HALF y) { return {x, y}; }
GPUNN_DEVICE HALF2 NAME2(__, 2, 2)(HALF a) { return {a, a}; }
GPUNN_DEVICE HALF2 NAME(__float2, 2_rn)(float x) { return {x, x}; }
GPUNN_DEVICE HALF2 NAME(__floats2, 2_rn)(float x, float y) { return {x, y}; }
GPUNN_DEVICE HALF2 NAME(__float22, 2_rn)(float2 a) { return {a.x, a.y}; }
GPUNN_DEVICE float2 NAME(__, 22float2)(HALF2 a) { return {a.x, a.y}; }
GPUNN_DEVICE HALF NAME(__low2, )(HALF2 a) { return a.x; }
GPUNN_DEVICE HALF NAME(__high2, )(HALF2 a) { return a.y; }
GPUNN_DEVICE HALF2 NAME(__low2, 2)(HALF2 a) { return {a.x, a.x}; }
GPUNN_DEVICE HALF2 NAME(__high2, 2)(HALF2 a) { return {a.y, a.y}; }
GPUNN_DEVICE HALF2 NAME(__lows2, 2)(HALF2 a, HALF2 b) { return {a.x, b.x}; }
GPUNN_DEVICE HALF2 NAME(__highs2, 2)(HALF2 a, HALF2 b) { return {a.y, b.y}; }
GPUNN_DEVICE HALF2 __lowhigh2highlow(HALF2 a) { return {a.y, a.x}; }
GPUNN_DEVICE float __low2float(HALF2 a) { return a.x; }
GPUNN_DEVICE float __high2float(HALF2 a) { return a.y; }
