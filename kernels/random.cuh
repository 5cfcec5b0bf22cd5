// Random numbers: the stream of gpunn/random/blocks.py, bit for bit; normal ones to rounding. Block
// p of the stream of a seed is four words; a draw takes the blocks from its offset on. Kernels get
// a `stream`, in device memory: the seed, and a block that their `offset` counts from. A captured
// graph moves that block on from launch to launch.
#pragma once
#include "common.cuh"

// Philox4x32-10 of the counter `block` under the key `seed`. Source: J. Salmon et al., Parallel
// random numbers: as easy as 1, 2, 3, SC11 (2011).
__device__ __forceinline__ uint4 philox(unsigned long long seed, unsigned long long block) {
  unsigned key0 = static_cast<unsigned>(seed), key1 = static_cast<unsigned>(seed >> 32);
  uint4 words = make_uint4(static_cast<unsigned>(block), static_cast<unsigned>(block >> 32), 0, 0);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(words.x, 0xD2511F53u), low0 = words.x * 0xD2511F53u;
    const unsigned high2 = __umulhi(words.z, 0xCD9E8D57u), low2 = words.z * 0xCD9E8D57u;
    words = make_uint4(high2 ^ words.y ^ key0, low2, high0 ^ words.w ^ key1, low0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return words;
}

// The digits of a type's significand.
template <class X>
struct Digits;
template <>
struct Digits<__half> {
  static constexpr int COUNT = 11;
};
template <>
struct Digits<__nv_bfloat16> {
  static constexpr int COUNT = 8;
};
template <>
struct Digits<float> {
  static constexpr int COUNT = 24;
};
template <>
struct Digits<double> {
  static constexpr int COUNT = 53;
};

// The numbers of type X that one block gives: element i of a draw is number i % LENGTH of block
// offset + i / LENGTH.
template <class X>
struct Draws {
  static constexpr int LENGTH = 4;
  float at[LENGTH];
};
template <>
struct Draws<double> {
  static constexpr int LENGTH = 2;
  double at[LENGTH];
};

// Two words as one number, the lower half first.
__device__ __forceinline__ unsigned long long joined(unsigned low, unsigned high) {
  return static_cast<unsigned long long>(high) << 32 | low;
}

// The first words of a block as multiples of 2^-digits in [0, 1): no number rounds up to 1 as X.
template <class X>
__device__ __forceinline__ Draws<X> uniform_draws(unsigned long long seed,
                                                  unsigned long long block) {
  const uint4 words = philox(seed, block);
  constexpr int DIGITS = Digits<X>::COUNT;
  if constexpr (Draws<X>::LENGTH == 2) {
    constexpr double UNIT = 1.0 / (1ull << DIGITS);
    return {{static_cast<double>(joined(words.x, words.y) >> (64 - DIGITS)) * UNIT,
             static_cast<double>(joined(words.z, words.w) >> (64 - DIGITS)) * UNIT}};
  } else {
    constexpr float UNIT = 1.0f / (1u << DIGITS);
    return {{static_cast<float>(words.x >> (32 - DIGITS)) * UNIT,
             static_cast<float>(words.y >> (32 - DIGITS)) * UNIT,
             static_cast<float>(words.z >> (32 - DIGITS)) * UNIT,
             static_cast<float>(words.w >> (32 - DIGITS)) * UNIT}};
  }
}

// Two standard normal numbers of two words, by Box and Muller: sqrt(-2 log u) (cos 2 pi v, sin 2 pi
// v). u is in (0, 1].
__device__ __forceinline__ float2 normal_pair(unsigned u_word, unsigned v_word) {
  const float u = static_cast<float>(u_word) * 0x1p-32f + 0x1p-33f;
  const float v = static_cast<float>(v_word) * 1.4629180792671596e-9f;  // 2 pi / 2^32
  const float radius = sqrtf(-2.0f * logf(u));
  float sine, cosine;
  sincosf(v, &sine, &cosine);
  return make_float2(radius * cosine, radius * sine);
}
__device__ __forceinline__ double2 normal_pair(unsigned long long u_word,
                                               unsigned long long v_word) {
  const double u = static_cast<double>(u_word) * 0x1p-64 + 0x1p-65;
  const double v = static_cast<double>(v_word) * 3.4061215800865545e-19;  // 2 pi / 2^64
  const double radius = sqrt(-2.0 * log(u));
  double sine, cosine;
  sincos(v, &sine, &cosine);
  return make_double2(radius * cosine, radius * sine);
}

template <class X>
__device__ __forceinline__ Draws<X> normal_draws(unsigned long long seed,
                                                 unsigned long long block) {
  const uint4 words = philox(seed, block);
  if constexpr (Draws<X>::LENGTH == 2) {
    const double2 pair = normal_pair(joined(words.x, words.y), joined(words.z, words.w));
    return {{pair.x, pair.y}};
  } else {
    const float2 first = normal_pair(words.x, words.y), second = normal_pair(words.z, words.w);
    return {{first.x, first.y, second.x, second.y}};
  }
}
