// Indices as keys: the numbers of rows or elements. Launched by gpunn/ops/indexing/rows_cuda.py.
// I: int, long long
// BLOCK: 256
#include "indexing/places.cuh"

// keys[i] = index[i] * stride, or that added to keys[i] unless `is_first`; -1 where an index is out
// of bounds, or equal to `skip`. index: n numbers in [0, size), from -size on if `wraps`. A thread
// makes one key.
// Bytes: n * (8 + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    row_keys(long long* __restrict__ keys, const I* __restrict__ index, long long n, long long size,
             long long stride, long long skip, bool wraps, bool is_first,
             unsigned long long* __restrict__ faults, int slot) {
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = place_of(index[i], size, wraps, i, faults, slot);
    const long long before = is_first ? 0 : keys[i];
    keys[i] = place < 0 || place == skip || before < 0 ? -1 : before + place * stride;
  }
}

// keys[o, j, k] = number of element (o, index[o, j, k], k) of an array (outer, size, inner); -1
// where the index is out of bounds. index, keys: n = outer * length * inner numbers. A thread makes
// one key.
// Bytes: n * (8 + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    element_keys(long long* __restrict__ keys, const I* __restrict__ index, long long n,
                 long long length, long long size, long long inner, bool wraps,
                 unsigned long long* __restrict__ faults, int slot) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = place_of(index[i], size, wraps, i, faults, slot);
    long long outer = i;
    const long long column = split(outer, inner);
    split(outer, length);
    keys[i] = place < 0 ? -1 : (outer * size + place) * inner + column;
  }
}
