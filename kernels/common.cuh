// What every kernel file starts from: the index of a thread. T is the element type that the loader
// writes above.
#pragma once

// This thread's number in a 1-D grid. 64-bit: an array may hold more than 2^31 elements.
__device__ __forceinline__ long long thread_index() {
  return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}
