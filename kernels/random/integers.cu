// Random integers, as numbers of any type. Launched by gpunn/random/draws.py.
// T: float, double, __half, __nv_bfloat16, bool, unsigned char, signed char, short, int, long long
// BLOCK: 256
#include "random.cuh"

template <class X>
__device__ __forceinline__ X from_integer(long long value) {
  return static_cast<X>(value);
}
template <>
__device__ __forceinline__ __half from_integer<__half>(long long value) {
  return from_compute<__half>(static_cast<float>(value));
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_integer<__nv_bfloat16>(long long value) {
  return from_compute<__nv_bfloat16>(static_cast<float>(value));
}

// y: n integers, low + w % count for the 64-bit numbers w of `stream` from block
// `offset` on; count 0 stands for 2^64. Sums wrap around. A thread makes the two of one block.
// Bytes: n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    integers_draw(T* __restrict__ y, unsigned long long low, unsigned long long count,
                  const unsigned long long* __restrict__ stream, unsigned long long offset,
                  long long n) {
  for (long long b = thread_index(); 2 * b < n; b += thread_count()) {
    const uint4 words = philox(stream[0], stream[1] + offset + b);
    const unsigned long long first = joined(words.x, words.y), second = joined(words.z, words.w);
    y[2 * b] = from_integer<T>(static_cast<long long>(low + (count ? first % count : first)));
    if (2 * b + 1 == n) continue;
    y[2 * b + 1] = from_integer<T>(static_cast<long long>(low + (count ? second % count : second)));
  }
}
