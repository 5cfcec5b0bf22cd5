// Where an index points to, for the kernels that take indices.
#pragma once
#include "bounds.cuh"
#include "common.cuh"

// number % base; number becomes number / base. Divides in 64 bits only where it must.
__device__ __forceinline__ long long split(long long& number, long long base) {
  if (base == 1) return 0;
  if (((number | base) >> 32) == 0) {
    const unsigned int small = static_cast<unsigned int>(number);
    const unsigned int divisor = static_cast<unsigned int>(base), quotient = small / divisor;
    number = quotient;
    return small - quotient * divisor;
  }
  const long long quotient = number / base, rest = number - quotient * base;
  number = quotient;
  return rest;
}

// `index` as a place in [0, size); a negative one counts from the end if `wraps`. -1 if it is out
// of bounds; that is noted unless `slot` is -1.
__device__ __forceinline__ long long place_of(long long index, long long size, bool wraps,
                                              long long position, unsigned long long* faults,
                                              int slot) {
  const long long place = wraps && index < 0 ? index + size : index;
  if (place >= 0 && place < size) return place;
  if (slot >= 0) is_in_bounds(index, size, position, faults, slot);
  return -1;
}
