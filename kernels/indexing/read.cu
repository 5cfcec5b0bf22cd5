// Rows and elements read by index. Launched by gpunn/ops/indexing/rows_cuda.py.
// T: unsigned char, unsigned short, unsigned int, unsigned long long
// I: int, long long
// BLOCK: 256
#include "indexing/places.cuh"

// y[o, j] = x[o, index[j]], rows of `inner` elements; 0 where the index is out of bounds. x:
// (outer, size, inner), y: (outer, count, inner). A thread takes 16 bytes of a row where rows are
// aligned, else one element. Bytes: 2 * outer * count * inner * sizeof(T) + count * sizeof(I).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    take_rows(T* __restrict__ y, const T* __restrict__ x, const I* __restrict__ index,
              long long outer, long long count, long long size, long long inner, bool wraps,
              unsigned long long* __restrict__ faults, int slot) {
  constexpr int LENGTH = Vector<T>::LENGTH;
  const bool has_vectors = inner % LENGTH == 0 && are_aligned(y, x);
  const long long units = has_vectors ? inner / LENGTH : inner, n = outer * count * units;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long plane = i;
    const long long unit = split(plane, units), row = split(plane, count);
    const long long place = place_of(index[row], size, wraps, row, faults, slot);
    const long long from = (plane * size + place) * units + unit;
    if (has_vectors) {
      Vector<T> values = {};
      if (place >= 0) values = load_vector(x + from * LENGTH);
      store_vector(y + i * LENGTH, values);
    } else {
      y[i] = place < 0 ? T(0) : x[from];
    }
  }
}

// y[o, j, k] = x[o, index[o, j, k], k]; 0 where the index is out of bounds. x: (outer, size,
// inner); y, index: n = outer * length * inner. A thread makes one element. Bytes: n * (2 *
// sizeof(T) + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    take_elements(T* __restrict__ y, const T* __restrict__ x, const I* __restrict__ index,
                  long long n, long long length, long long size, long long inner, bool wraps,
                  unsigned long long* __restrict__ faults, int slot) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = place_of(index[i], size, wraps, i, faults, slot);
    long long outer = i;
    const long long column = split(outer, inner);
    split(outer, length);
    y[i] = place < 0 ? T(0) : x[(outer * size + place) * inner + column];
  }
}
