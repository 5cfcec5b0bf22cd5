// What the threads of a warp or a block do together: shuffles, votes, reductions, barriers.
#pragma once
#include "half.h"

namespace gpunn_emulator {

constexpr unsigned ALL_LANES = 0xffffffffu;

GPUNN_UNCHECKED void meet(void**, unsigned) {}

// One lane's part in a warp operation: what it gives, which lane it wants to hear, what it gets.
struct Lane {
  unsigned long long value;
  int source;
  unsigned long long result;
};

template <class Part>
GPUNN_INLINED auto part_of(void** arguments, int lane) {
  return static_cast<Part*>(arguments[lane]);
}

// Each lane gets the value of its source lane, all ones (NaN, -1) where that one does not take
// part.
GPUNN_UNCHECKED void exchange(void** arguments, unsigned mask) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1u)) continue;
    Lane* self = part_of<Lane>(arguments, lane);
    const bool there = mask >> self->source & 1u;
    self->result = there ? part_of<Lane>(arguments, self->source)->value : ~0ull;
  }
}

// Each lane gets the set of the lanes whose value is not 0, or is equal to its own.
GPUNN_UNCHECKED void collect_votes(void** arguments, unsigned mask) {
  unsigned votes = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1u && part_of<Lane>(arguments, lane)->value) votes |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1u) part_of<Lane>(arguments, lane)->result = votes;
}
GPUNN_UNCHECKED void collect_equal(void** arguments, unsigned mask) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1u)) continue;
    Lane* self = part_of<Lane>(arguments, lane);
    self->result = 0;
    for (int other = 0; other < 32; ++other)
      if (mask >> other & 1u && part_of<Lane>(arguments, other)->value == self->value)
        self->result |= 1u << other;
  }
}

template <class Operation>
GPUNN_UNCHECKED auto reduce_lanes(void** arguments, unsigned mask) {
  const int first = __builtin_ctz(mask);
  unsigned total = static_cast<unsigned>(part_of<Lane>(arguments, first)->value);
  for (int lane = first + 1; lane < 32; ++lane)
    if (mask >> lane & 1u)
      total = Operation::of(total, static_cast<unsigned>(part_of<Lane>(arguments, lane)->value));
  for (int lane = first; lane < 32; ++lane)
    if (mask >> lane & 1u) part_of<Lane>(arguments, lane)->result = total;
}

GPUNN_UNCHECKED unsigned long long warp_operation(unsigned mask, WarpFunction function,
                                                  unsigned long long value, int source,
                                                  Place place) {
  Lane lane{value, source, 0};
  warp_collective(mask, &lane, function, 0, place);
  return lane.result;
}

template <class T>
GPUNN_DEVICE auto shuffle(unsigned mask, T value, int source, Place place) {
  using Bits = typename Word<sizeof(T)>::Type;
  return bits_as<T>(
      static_cast<Bits>(warp_operation(mask, exchange, unsigned_bits(value), source, place)));
}

// Lanes are in groups of `width`. A lane hears no lane of a later group, but its own value instead.
GPUNN_DEVICE void check_width(int width, Place place) {
  if (width <= 0 || width > 32 || (width & (width - 1)))
    trap("shuffle: the width is not 1, 2, 4, 8, 16 or 32", place);
}
GPUNN_DEVICE int indexed_lane(int index, int width, Place place) {
  check_width(width, place);
  return (self->lane & ~(width - 1)) | (index & (width - 1));
}
GPUNN_DEVICE int lane_below(unsigned delta, int width, Place place) {
  check_width(width, place);
  const int source = self->lane - static_cast<int>(delta & 31u);
  return source < (self->lane & ~(width - 1)) ? self->lane : source;
}
GPUNN_DEVICE int lane_above(unsigned delta, int width, Place place) {
  check_width(width, place);
  const int source = self->lane + static_cast<int>(delta & 31u);
  return source > (self->lane | (width - 1)) ? self->lane : source;
}
GPUNN_DEVICE int lane_across(int flips, int width, Place place) {
  check_width(width, place);
  const int source = self->lane ^ (flips & 31);
  return source > (self->lane | (width - 1)) ? self->lane : source;
}

}  // namespace gpunn_emulator

#define GPUNN_SHUFFLE(name, T, Offset, source)                                                   \
  GPUNN_DEVICE T name(unsigned mask, T value, Offset offset, int width = warpSize, GPUNN_HERE) { \
    return gpunn_emulator::shuffle<T>(mask, value, gpunn_emulator::source(offset, width, place), \
                                      place);                                                    \
  }
#define GPUNN_SHUFFLES(T)                                  \
  GPUNN_SHUFFLE(__shfl_sync, T, int, indexed_lane)         \
  GPUNN_SHUFFLE(__shfl_up_sync, T, unsigned, lane_below)   \
  GPUNN_SHUFFLE(__shfl_down_sync, T, unsigned, lane_above) \
  GPUNN_SHUFFLE(__shfl_xor_sync, T, int, lane_across)
GPUNN_SHUFFLES(int)
GPUNN_SHUFFLES(unsigned int)
GPUNN_SHUFFLES(long)
GPUNN_SHUFFLES(unsigned long)
GPUNN_SHUFFLES(long long)
GPUNN_SHUFFLES(unsigned long long)
GPUNN_SHUFFLES(float)
GPUNN_SHUFFLES(double)
GPUNN_SHUFFLES(__half)
GPUNN_SHUFFLES(__half2)
GPUNN_SHUFFLES(__nv_bfloat16)
GPUNN_SHUFFLES(__nv_bfloat162)
#undef GPUNN_SHUFFLES
#undef GPUNN_SHUFFLE

GPUNN_DEVICE unsigned __ballot_sync(unsigned mask, int predicate, GPUNN_HERE) {
  return static_cast<unsigned>(gpunn_emulator::warp_operation(mask, gpunn_emulator::collect_votes,
                                                              predicate != 0, 0, place));
}
GPUNN_DEVICE int __any_sync(unsigned mask, int predicate, GPUNN_HERE) {
  return __ballot_sync(mask, predicate, place) != 0;
}
GPUNN_DEVICE int __all_sync(unsigned mask, int predicate, GPUNN_HERE) {
  return __ballot_sync(mask, !predicate, place) == 0;
}

// A warp may always be split into single lanes, so a kernel must not rely on more than this.
GPUNN_DEVICE unsigned __activemask() { return 1u << gpunn_emulator::self->lane; }

#define GPUNN_MATCH(T)                                                                         \
  GPUNN_DEVICE unsigned __match_any_sync(unsigned mask, T value, GPUNN_HERE) {                 \
    return static_cast<unsigned>(gpunn_emulator::warp_operation(                               \
        mask, gpunn_emulator::collect_equal, gpunn_emulator::unsigned_bits(value), 0, place)); \
  }                                                                                            \
  GPUNN_DEVICE unsigned __match_all_sync(unsigned mask, T value, int* all, GPUNN_HERE) {       \
    *all = __match_any_sync(mask, value, place) == mask;                                       \
    return *all ? mask : 0u;                                                                   \
  }
GPUNN_MATCH(int)
GPUNN_MATCH(unsigned int)
GPUNN_MATCH(long)
GPUNN_MATCH(unsigned long)
GPUNN_MATCH(long long)
GPUNN_MATCH(unsigned long long)
GPUNN_MATCH(float)
GPUNN_MATCH(double)
#undef GPUNN_MATCH

#define GPUNN_REDUCE(name, Operation, T, result)                       \
  namespace gpunn_emulator {                                           \
  struct Operation {                                                   \
    static unsigned of(unsigned first, unsigned second) {              \
      const T a = static_cast<T>(first), b = static_cast<T>(second);   \
      return static_cast<unsigned>(result);                            \
    }                                                                  \
  };                                                                   \
  }                                                                    \
  GPUNN_DEVICE T name(unsigned mask, T value, GPUNN_HERE) {            \
    return static_cast<T>(gpunn_emulator::warp_operation(              \
        mask, gpunn_emulator::reduce_lanes<gpunn_emulator::Operation>, \
        static_cast<unsigned>(value), 0, place));                      \
  }
GPUNN_REDUCE(__reduce_add_sync, AddUnsigned, unsigned, a + b)
GPUNN_REDUCE(__reduce_min_sync, MinUnsigned, unsigned, a < b ? a : b)
GPUNN_REDUCE(__reduce_max_sync, MaxUnsigned, unsigned, a > b ? a : b)
GPUNN_REDUCE(__reduce_and_sync, AndUnsigned, unsigned, a& b)
GPUNN_REDUCE(__reduce_or_sync, OrUnsigned, unsigned, a | b)
GPUNN_REDUCE(__reduce_xor_sync, XorUnsigned, unsigned, a ^ b)
GPUNN_REDUCE(__reduce_add_sync, AddSigned, int, static_cast<unsigned>(a) + static_cast<unsigned>(b))
GPUNN_REDUCE(__reduce_min_sync, MinSigned, int, a < b ? a : b)
GPUNN_REDUCE(__reduce_max_sync, MaxSigned, int, a > b ? a : b)
#undef GPUNN_REDUCE

GPUNN_DEVICE void __syncwarp(unsigned mask = gpunn_emulator::ALL_LANES, GPUNN_HERE) {
  gpunn_emulator::warp_collective(mask, nullptr, gpunn_emulator::meet,
                                  gpunn_emulator::ORDERS_MEMORY, place);
}
GPUNN_DEVICE void __syncthreads(GPUNN_HERE) {
  gpunn_emulator::block_barrier(gpunn_emulator::Vote::NONE, 0, place);
}
GPUNN_DEVICE int __syncthreads_count(int predicate, GPUNN_HERE) {
  return gpunn_emulator::block_barrier(gpunn_emulator::Vote::COUNT, predicate, place);
}
GPUNN_DEVICE int __syncthreads_and(int predicate, GPUNN_HERE) {
  return gpunn_emulator::block_barrier(gpunn_emulator::Vote::AND, predicate, place);
}
GPUNN_DEVICE int __syncthreads_or(int predicate, GPUNN_HERE) {
  return gpunn_emulator::block_barrier(gpunn_emulator::Vote::OR, predicate, place);
}

GPUNN_DEVICE void __trap(GPUNN_HERE) { gpunn_emulator::trap("__trap()", place); }
#define assert(condition)                                          \
  ((condition)                                                     \
       ? static_cast<void>(0)                                      \
       : ::gpunn_emulator::trap("assert(" #condition ") is false", \
                                ::gpunn_emulator::Place{__builtin_FILE(), __builtin_LINE()}))
#define __builtin_assume(condition) assert(condition)
GPUNN_DEVICE void __nanosleep(unsigned) {}
GPUNN_DEVICE long long clock64() { return 0; }
GPUNN_DEVICE clock_t clock() { return 0; }
