// Rows written by key, the last one of a key. Launched by gpunn/ops/indexing/rows_cuda.py.
// T: unsigned char, unsigned short, unsigned int, unsigned long long
// O: unsigned int, unsigned long long
// BLOCK: 256
#include "indexing/places.cuh"

// owners[key] = 1 + the highest i with keys[i] = key, of n keys; owners are 0 before. A key of -1
// is for nothing. A thread takes one key.
// Bytes: n * (8 + sizeof(O)).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    note_owners(O* __restrict__ owners, const long long* __restrict__ keys, long long n) {
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    if (keys[i] >= 0) atomicMax(owners + keys[i], static_cast<O>(i + 1));
  }
}

// y[o, keys[j]] = source[o, j] where j owns the key, rows of `inner` elements; the rest of y stays.
// y: (outer, size, inner), source: (outer, count, inner) with the strides of_plane, of_row and
// of_column; without has_source every element becomes `bits`. A thread takes one element of source.
// Bytes: outer * count * inner * 2 * sizeof(T) + count * (8 + sizeof(O)).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    put_rows(T* __restrict__ y, const T* __restrict__ source, const O* __restrict__ owners,
             const long long* __restrict__ keys, long long outer, long long count, long long size,
             long long inner, long long of_plane, long long of_row, long long of_column,
             unsigned long long bits, bool has_source) {
  const long long n = outer * count * inner;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long plane = i;
    const long long column = split(plane, inner), row = split(plane, count);
    const long long key = keys[row];
    if (key < 0 || owners[key] != static_cast<O>(row + 1)) continue;
    const long long from = plane * of_plane + row * of_row + column * of_column;
    y[(plane * size + key) * inner + column] = has_source ? source[from] : static_cast<T>(bits);
  }
}
