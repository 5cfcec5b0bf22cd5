// The order of keys, found by counting. Launched by gpunn/ops/indexing/rows_cuda.py.
// BLOCK: 256
#include "common.cuh"

// order[p] = i where p is the number of keys that are smaller than keys[i], or equal and before it:
// a stable sort for captured graphs, where CuPy's waits for the device. n keys. A thread finds the
// place of one key; its block reads all keys, BLOCK at a time. n * n comparisons.
// Bytes: 16 * n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    order_by_counting(long long* __restrict__ order, const long long* __restrict__ keys,
                      long long n) {
  __shared__ long long tile[BLOCK];
  for (long long base = blockIdx.x * static_cast<long long>(BLOCK); base < n;
       base += thread_count()) {
    const long long i = base + threadIdx.x, own = i < n ? keys[i] : 0;
    long long place = 0;
    for (long long first = 0; first < n; first += BLOCK) {
      const long long left = n - first;
      __syncthreads();  // the last tile has been read
      if (threadIdx.x < left) tile[threadIdx.x] = keys[first + threadIdx.x];
      __syncthreads();
      for (int t = 0; t < BLOCK && t < left; ++t) {
        place += tile[t] < own || (tile[t] == own && first + t < i);
      }
    }
    if (i < n) order[place] = i;
  }
}
