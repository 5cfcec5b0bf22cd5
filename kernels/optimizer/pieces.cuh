// Many arrays in one launch: which piece of which array a block takes. Twin: gpunn/kernels/many.py.
#pragma once
#include "common.cuh"

constexpr int PIECE = 4096;  // elements of a piece at most

// All pieces of all arrays, for the whole grid. Piece c is elements from `part[c]` * PIECE on of
// array `array[c]`; pieces (count, 2) holds both.
struct Pieces {
  const long long* sizes;
  const int* pieces;

  __device__ __forceinline__ int array(long long c) const { return pieces[2 * c]; }
  __device__ __forceinline__ long long start(long long c) const {
    return static_cast<long long>(pieces[2 * c + 1]) * PIECE;
  }
  __device__ __forceinline__ int length(long long c) const {
    const long long rest = sizes[array(c)] - start(c);
    return static_cast<int>(rest < PIECE ? rest : PIECE);
  }
};

constexpr int GROUP = Vector<T>::LENGTH;  // elements that a thread takes at a time

// Elements x[0], …, x[count - 1] as numbers to compute with, 0 in the rest of the group.
template <class C>
__device__ __forceinline__ void load_some(C (&out)[GROUP], const T* x, int count, bool is_vector) {
  if (is_vector && count >= GROUP) {
    const Vector<T> vector = load_vector(x);
#pragma unroll
    for (int k = 0; k < GROUP; ++k) out[k] = to_compute(vector.at[k]);
    return;
  }
#pragma unroll
  for (int k = 0; k < GROUP; ++k) out[k] = k < count ? to_compute(x[k]) : C(0);
}

template <class C>
__device__ __forceinline__ void store_some(T* x, const C (&values)[GROUP], int count,
                                           bool is_vector) {
  if (is_vector && count >= GROUP) {
    Vector<T> vector;
#pragma unroll
    for (int k = 0; k < GROUP; ++k) vector.at[k] = from_compute<T>(values[k]);
    store_vector(x, vector);
    return;
  }
#pragma unroll
  for (int k = 0; k < GROUP; ++k) {
    if (k < count) x[k] = from_compute<T>(values[k]);
  }
}
