// Integers and the bits of numbers: casts, counts, shifts, long products, packed arithmetic.
#pragma once
#include "keywords.h"

namespace gpunn_emulator {

template <class To, class From>
GPUNN_INLINED constexpr auto bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "a number of another size");
  return __builtin_bit_cast(To, from);
}

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

// The unsigned integer of the same bits.
template <int SIZE>
struct Word;
template <>
struct Word<2> {
  using Type = unsigned short;
};
template <>
struct Word<4> {
  using Type = unsigned int;
};
template <>
struct Word<8> {
  using Type = unsigned long long;
};
template <class T>
GPUNN_DEVICE constexpr auto unsigned_bits(T x) {
  return bits_as<typename Word<sizeof(T)>::Type>(x);
}

}  // namespace gpunn_emulator

GPUNN_DEVICE int __float_as_int(float x) { return gpunn_emulator::bits_as<int>(x); }
GPUNN_DEVICE unsigned __float_as_uint(float x) { return gpunn_emulator::bits_as<unsigned>(x); }
GPUNN_DEVICE float __int_as_float(int x) { return gpunn_emulator::bits_as<float>(x); }
GPUNN_DEVICE float __uint_as_float(unsigned x) { return gpunn_emulator::bits_as<float>(x); }
GPUNN_DEVICE long long __double_as_longlong(double x) {
  return gpunn_emulator::bits_as<long long>(x);
}
GPUNN_DEVICE double __longlong_as_double(long long x) { return gpunn_emulator::bits_as<double>(x); }
GPUNN_DEVICE int __double2hiint(double x) {
  return static_cast<int>(__double_as_longlong(x) >> 32);
}
GPUNN_DEVICE int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
GPUNN_DEVICE double __hiloint2double(int high, int low) {
  return gpunn_emulator::bits_as<double>(static_cast<unsigned long long>(high) << 32 |
                                         static_cast<unsigned>(low));
}

GPUNN_DEVICE int __popc(unsigned x) { return __builtin_popcount(x); }
GPUNN_DEVICE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
GPUNN_DEVICE int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
GPUNN_DEVICE int __clzll(long long x) {
  return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
GPUNN_DEVICE int __ffs(int x) { return __builtin_ffs(x); }
GPUNN_DEVICE int __ffsll(long long x) { return __builtin_ffsll(x); }

// The bits in reverse order: neighbours are exchanged first, then neighbouring pairs, and so on.
GPUNN_DEVICE unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(x);
}
GPUNN_DEVICE unsigned long long __brevll(unsigned long long x) {
  return static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32 |
         __brev(static_cast<unsigned>(x >> 32));
}

// Byte i of the result is the one of the eight bytes (b, a) that nibble i of `selector` names; with
// the nibble's highest bit, that byte's sign in all bits.
GPUNN_DEVICE unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const unsigned long long bytes = static_cast<unsigned long long>(b) << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned nibble = selector >> 4 * i & 15u;
    unsigned byte = static_cast<unsigned>(bytes >> 8 * (nibble & 7u)) & 0xffu;
    if (nibble & 8u) byte = byte & 0x80u ? 0xffu : 0u;
    result |= byte << 8 * i;
  }
  return result;
}

// The upper or the lower word of (high, low), shifted. _l, _r take the shift modulo 32; _lc, _rc at
// most 32.
GPUNN_DEVICE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>(both << (shift & 31u) >> 32);
}
GPUNN_DEVICE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>(both >> (shift & 31u));
}
GPUNN_DEVICE unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
  return shift < 32u ? __funnelshift_l(low, high, shift) : low;
}
GPUNN_DEVICE unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
  return shift < 32u ? __funnelshift_r(low, high, shift) : high;
}

// The upper half of a product.
GPUNN_DEVICE int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<long long>(a) * b >> 32);
}
GPUNN_DEVICE unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
GPUNN_DEVICE long long __mul64hi(long long a, long long b) {
  return static_cast<long long>(static_cast<gpunn_emulator::Int128>(a) * b >> 64);
}
GPUNN_DEVICE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<gpunn_emulator::Uint128>(a) * b >> 64);
}

// The lower half of the product of the lower 24 bits.
GPUNN_DEVICE int __mul24(int a, int b) {
  const long long low =
      static_cast<long long>(static_cast<int>(static_cast<unsigned>(a) << 8) >> 8);
  return static_cast<int>(low * (static_cast<int>(static_cast<unsigned>(b) << 8) >> 8));
}
GPUNN_DEVICE unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffffu) * (b & 0xffffffu); }

GPUNN_DEVICE unsigned __sad(int a, int b, unsigned c) {
  const long long difference = static_cast<long long>(a) - b;
  return static_cast<unsigned>(difference < 0 ? -difference : difference) + c;
}
GPUNN_DEVICE unsigned __usad(unsigned a, unsigned b, unsigned c) {
  return (a < b ? b - a : a - b) + c;
}

// The mean of two integers, rounded down (__hadd) or up (__rhadd).
GPUNN_DEVICE int __hadd(int a, int b) {
  return static_cast<int>((static_cast<long long>(a) + b) >> 1);
}
GPUNN_DEVICE int __rhadd(int a, int b) {
  return static_cast<int>((static_cast<long long>(a) + b + 1) >> 1);
}
GPUNN_DEVICE unsigned __uhadd(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) + b) >> 1);
}
GPUNN_DEVICE unsigned __urhadd(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) + b + 1) >> 1);
}

// c plus the scalar product of four bytes; wraps.
GPUNN_DEVICE int __dp4a(int a, int b, int c) {
  unsigned sum = static_cast<unsigned>(c);
  for (int i = 0; i < 32; i += 8)
    sum +=
        static_cast<unsigned>(static_cast<signed char>(a >> i) * static_cast<signed char>(b >> i));
  return static_cast<int>(sum);
}
GPUNN_DEVICE unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 32; i += 8) c += (a >> i & 0xffu) * (b >> i & 0xffu);
  return c;
}
