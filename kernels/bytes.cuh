// Elements of images: bytes, which are computed in float and rounded to the nearest of 0 to 255,
// halves up.
#pragma once
#include "common.cuh"

__device__ __forceinline__ float to_compute(unsigned char x) { return x; }

template <>
__device__ __forceinline__ unsigned char from_compute<unsigned char, float>(float x) {
  const float rounded = floorf(x + 0.5f);
  return static_cast<unsigned char>(rounded > 0.0f ? (rounded < 255.0f ? rounded : 255.0f) : 0.0f);
}
