// Checks of indices and numbers on the device. gpunn/kernels/bounds.py makes the slots and reads
// them.
#pragma once

// Notes 64 bits of what is wrong at `position` of a launch in its slot of `faults`: three words,
// each of them position << 24 | 24 of the bits. The lowest position decides every minimum, so all
// three words come from one offender, whatever the order of the threads.
__device__ __forceinline__ void note_fault(unsigned long long bits, long long position,
                                           unsigned long long* faults, int slot) {
  const unsigned long long place = static_cast<unsigned long long>(position) << 24;
  unsigned long long* words = faults + 3 * slot;
  atomicMin(words + 0, place | (bits & 0xffffff));
  atomicMin(words + 1, place | (bits >> 24 & 0xffffff));
  atomicMin(words + 2, place | (bits >> 48));
}

// Whether 0 <= index < size. If not, that is noted.
__device__ __forceinline__ bool is_in_bounds(long long index, long long size, long long position,
                                             unsigned long long* faults, int slot) {
  if (index >= 0 && index < size) return true;
  note_fault(static_cast<unsigned long long>(index), position, faults, slot);
  return false;
}
