// Atomic operations. Blocks may run on several threads of the operating system, so these are real
// ones.
#pragma once
#include "half.h"

namespace gpunn_emulator {

// The value at `address` becomes operation(value); returns the value before.
template <class T, class Operation>
GPUNN_UNCHECKED auto modify(T* address, Operation operation, Place place) {
  using Bits = typename Word<sizeof(T)>::Type;
  note_access(address, sizeof(T), true, true, place);
  Bits* word = reinterpret_cast<Bits*>(address);
  Bits before = __atomic_load_n(word, __ATOMIC_RELAXED);
  for (;;) {
    const T old = bits_as<T>(before);
    const Bits after = unsigned_bits(operation(old));
    if (__atomic_compare_exchange_n(word, &before, after, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
      return old;
  }
}

}  // namespace gpunn_emulator

// Each operation in three widths: the device, one block, the whole system.
#define GPUNN_ATOMIC(name, T, result)                                             \
  GPUNN_DEVICE T name(T* address, T value, GPUNN_HERE) {                          \
    return gpunn_emulator::modify(                                                \
        address, [value]([[maybe_unused]] T old) -> T { return result; }, place); \
  }                                                                               \
  GPUNN_ATOMIC_WIDTH(name##_block, name, T)                                       \
  GPUNN_ATOMIC_WIDTH(name##_system, name, T)
#define GPUNN_ATOMIC_WIDTH(width, name, T) \
  GPUNN_DEVICE T width(T* address, T value, GPUNN_HERE) { return name(address, value, place); }

#define GPUNN_ATOMIC_INTEGER(T)                         \
  GPUNN_ATOMIC(atomicAdd, T, old + value)               \
  GPUNN_ATOMIC(atomicExch, T, value)                    \
  GPUNN_ATOMIC(atomicMin, T, value < old ? value : old) \
  GPUNN_ATOMIC(atomicMax, T, value > old ? value : old) \
  GPUNN_ATOMIC(atomicAnd, T, old& value)                \
  GPUNN_ATOMIC(atomicOr, T, old | value)                \
  GPUNN_ATOMIC(atomicXor, T, old ^ value)
GPUNN_ATOMIC_INTEGER(int)
GPUNN_ATOMIC_INTEGER(unsigned int)
GPUNN_ATOMIC_INTEGER(unsigned long long)
#undef GPUNN_ATOMIC_INTEGER

GPUNN_ATOMIC(atomicMin, long long, value < old ? value : old)
GPUNN_ATOMIC(atomicMax, long long, value > old ? value : old)
GPUNN_ATOMIC(atomicAnd, long long, old& value)
GPUNN_ATOMIC(atomicOr, long long, old | value)
GPUNN_ATOMIC(atomicXor, long long, old ^ value)
GPUNN_ATOMIC(atomicSub, int, old - value)
GPUNN_ATOMIC(atomicSub, unsigned int, old - value)
GPUNN_ATOMIC(atomicInc, unsigned int, old >= value ? 0u : old + 1u)
GPUNN_ATOMIC(atomicDec, unsigned int, old == 0u || old > value ? value : old - 1u)
GPUNN_ATOMIC(atomicExch, float, value)

// gpunn's own kernels add no floats atomically: the order would change from run to run.
GPUNN_ATOMIC(atomicAdd, float, old + value)
GPUNN_ATOMIC(atomicAdd, double, old + value)
GPUNN_ATOMIC(atomicAdd, __half, old + value)
GPUNN_ATOMIC(atomicAdd, __half2, old + value)
GPUNN_ATOMIC(atomicAdd, __nv_bfloat16, old + value)
GPUNN_ATOMIC(atomicAdd, __nv_bfloat162, old + value)
#undef GPUNN_ATOMIC_WIDTH
#undef GPUNN_ATOMIC

// atomicCAS: the value becomes `value` where it is `expected`.
#define GPUNN_ATOMIC_CAS(T)                                                                  \
  GPUNN_DEVICE T atomicCAS(T* address, T expected, T value, GPUNN_HERE) {                    \
    return gpunn_emulator::modify(                                                           \
        address, [expected, value](T old) { return old == expected ? value : old; }, place); \
  }                                                                                          \
  GPUNN_ATOMIC_CAS_WIDTH(atomicCAS_block, T)                                                 \
  GPUNN_ATOMIC_CAS_WIDTH(atomicCAS_system, T)
#define GPUNN_ATOMIC_CAS_WIDTH(width, T)                              \
  GPUNN_DEVICE T width(T* address, T expected, T value, GPUNN_HERE) { \
    return atomicCAS(address, expected, value, place);                \
  }
GPUNN_ATOMIC_CAS(int)
GPUNN_ATOMIC_CAS(unsigned int)
GPUNN_ATOMIC_CAS(unsigned long long)
GPUNN_ATOMIC_CAS(unsigned short)
#undef GPUNN_ATOMIC_CAS_WIDTH
#undef GPUNN_ATOMIC_CAS

GPUNN_DEVICE void __threadfence() { gpunn_emulator::memory_fence(); }
GPUNN_DEVICE void __threadfence_block() { gpunn_emulator::memory_fence(); }
GPUNN_DEVICE void __threadfence_system() { gpunn_emulator::memory_fence(); }
