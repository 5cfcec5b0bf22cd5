// What the kernels of images share: products and sums that are rounded one by one, as NumPy does,
// so that bytes come out the same, and where a thread's pixel is.
#pragma once
#include "bytes.cuh"
#include "pool/windows.cuh"

__device__ __forceinline__ float times(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double times(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ float plus(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ double plus(double a, double b) { return __dadd_rn(a, b); }

// The largest value of a channel: 255 for bytes, else 1.
template <class X>
constexpr int BRIGHTEST = sizeof(X) == 1 ? 255 : 1;

// `value` between 0 and the brightest, NaN as it is; bytes are cut off, not rounded.
template <class X, class C>
__device__ __forceinline__ X bounded(C value) {
  const C most = BRIGHTEST<X>;
  const C inside = value < 0 ? C(0) : value > most ? most : value;
  if (sizeof(X) == 1) return from_compute<X>(floor(inside));
  return from_compute<X>(inside);
}
