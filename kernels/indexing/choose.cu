// Elements kept or replaced by a mask or by their place. Launched by gpunn/ops/indexing.
// T: unsigned char, unsigned short, unsigned int, unsigned long long
// BLOCK: 256
#include "indexing/places.cuh"

// y = the value where the mask is true, else x; n elements. The value is value[0] if has_value,
// else `bits`. A thread takes 16 bytes at a time. Bytes: n * (2 * sizeof(T) + 1).
extern "C" __global__ void __launch_bounds__(BLOCK)
    masked_fill(T* __restrict__ y, const T* __restrict__ x, const bool* __restrict__ mask,
                const T* __restrict__ value, unsigned long long bits, bool has_value, long long n) {
  constexpr int LENGTH = Vector<T>::LENGTH;
  const T fill = has_value ? value[0] : static_cast<T>(bits);
  const long long vectors = are_aligned(y, x) ? n / LENGTH : 0;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long v = thread_index(); v < vectors; v += thread_count()) {
    Vector<T> values = load_vector(x + v * LENGTH);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      if (mask[v * LENGTH + k]) values.at[k] = fill;
    }
    store_vector(y + v * LENGTH, values);
  }
  for (long long i = vectors * LENGTH + thread_index(); i < n; i += thread_count()) {
    y[i] = mask[i] ? fill : x[i];
  }
}

// y[·, i, j] = x[·, i, j] where j - i <= diagonal (is_upper: >= diagonal), else 0. x, y: n elements
// in matrices (rows, columns). A thread makes one element.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    triangle(T* __restrict__ y, const T* __restrict__ x, long long n, long long rows,
             long long columns, long long diagonal, bool is_upper) {
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long row = i;
    const long long column = split(row, columns);
    const long long above = column - split(row, rows);
    y[i] = (is_upper ? above >= diagonal : above <= diagonal) ? x[i] : T(0);
  }
}

// y[i, c] = 1 where c is labels[i], else 0; n labels in [0, classes). A label out of bounds is
// noted and gives zeros. A thread makes one element. Bytes: n * (classes + 1) * 8.
extern "C" __global__ void __launch_bounds__(BLOCK)
    one_hot(long long* __restrict__ y, const long long* __restrict__ labels, long long n,
            long long classes, unsigned long long* __restrict__ faults, int slot) {
#pragma unroll 1
  for (long long i = thread_index(); i < n * classes; i += thread_count()) {
    long long row = i;
    const long long number = split(row, classes);
    const long long label = place_of(labels[row], classes, false, row, faults, slot);
    y[i] = number == label ? 1 : 0;
  }
}
