// Checks of indices on the device. gpunn/kernels/bounds.py makes the slots and reads them.
#pragma once

// Whether 0 <= index < size. If not, the offender at the lowest `position` of the launch stays in
// its slot of `faults`: three words, each of them position << 24 | 24 bits of the index. Position
// decides every minimum, so all three words come from one offender, whatever the order of the
// threads.
__device__ __forceinline__ bool is_in_bounds(long long index, long long size, long long position,
                                             unsigned long long* faults, int slot) {
  if (index >= 0 && index < size) return true;
  const unsigned long long value = static_cast<unsigned long long>(index);
  const unsigned long long place = static_cast<unsigned long long>(position) << 24;
  unsigned long long* words = faults + 3 * slot;
  atomicMin(words + 0, place | (value & 0xffffff));
  atomicMin(words + 1, place | (value >> 24 & 0xffffff));
  atomicMin(words + 2, place | (value >> 48));
  return false;
}
