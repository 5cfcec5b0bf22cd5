// Random numbers of the floating types. Launched by gpunn/random/draws.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "random.cuh"

// y[i], i < n: the numbers of block `block` of a draw. A new array is aligned to more than 16
// bytes.
__device__ __forceinline__ void store_draws(T* y, const Draws<T>& draws, long long block,
                                            long long n) {
  constexpr int LENGTH = Draws<T>::LENGTH;
  T values[LENGTH];
#pragma unroll
  for (int k = 0; k < LENGTH; ++k) values[k] = from_compute<T>(draws.at[k]);
  if constexpr (LENGTH == Vector<T>::LENGTH) {
    if ((block + 1) * LENGTH <= n && are_aligned(y)) {
      Vector<T> vector;
      memcpy(&vector, values, sizeof(vector));
      store_vector(y + block * LENGTH, vector);
      return;
    }
  }
#pragma unroll
  for (int k = 0; k < LENGTH; ++k) {
    if (block * LENGTH + k < n) y[block * LENGTH + k] = values[k];
  }
}

// y: n numbers, uniform in [0, 1), of the `stream` from block `offset` on. A thread makes
// the numbers of one block.
// Bytes: n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    uniform_draw(T* __restrict__ y, const unsigned long long* __restrict__ stream,
                 unsigned long long offset, long long n) {
  for (long long b = thread_index(); b * Draws<T>::LENGTH < n; b += thread_count()) {
    store_draws(y, uniform_draws<T>(stream[0], stream[1] + offset + b), b, n);
  }
}

// y: n standard normal numbers of the `stream` from block `offset` on. A thread makes the
// numbers of one block.
// Bytes: n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    normal_draw(T* __restrict__ y, const unsigned long long* __restrict__ stream,
                unsigned long long offset, long long n) {
  for (long long b = thread_index(); b * Draws<T>::LENGTH < n; b += thread_count()) {
    store_draws(y, normal_draws<T>(stream[0], stream[1] + offset + b), b, n);
  }
}
