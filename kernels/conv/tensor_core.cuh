// What convolutions on tensor cores share: tiles of 16-byte chunks in shared memory, and products
// of T. Used by kernels/conv/tensor*.cu.
#pragma once
#include "common.cuh"
#include "ptx.cuh"

constexpr int ELEMENTS = 16 / sizeof(T);  // of a chunk
constexpr int WARP = 32;

// D += A B of a warp. A product of floats is one of tf32 numbers, which `rounded` makes of them.
template <class X>
__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4],
                                             const unsigned (&b)[2]) {
  mma_tf32(d, a, b, d);
}
template <>
__device__ __forceinline__ void multiply_add<__half>(float (&d)[4], const unsigned (&a)[4],
                                                     const unsigned (&b)[2]) {
  mma_f16(d, a, b, d);
}
template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(float (&d)[4], const unsigned (&a)[4],
                                                            const unsigned (&b)[2]) {
  mma_bf16(d, a, b, d);
}

template <class X, int N>
__device__ __forceinline__ void rounded(unsigned (&bits)[N]) {
  if constexpr (sizeof(X) == 4) {
#pragma unroll
    for (int i = 0; i < N; ++i) bits[i] = to_tf32(__uint_as_float(bits[i]));
  }
}

// Two neighbours, stored by one instruction where `is_pair`: then the address is a multiple of
// both. Of an odd number of channels the last has no neighbour: `count` is 1.
template <class X>
struct alignas(2 * sizeof(X)) Pair {
  X first, second;
};

template <class X>
__device__ __forceinline__ void store_pair(X* target, X first, X second, int count, bool is_pair) {
  if (is_pair) {
    *reinterpret_cast<Pair<X>*>(target) = {first, second};
    return;
  }
  target[0] = first;
  if (count > 1) target[1] = second;
}
