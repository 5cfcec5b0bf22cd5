// Brings images and filters into the order that tensor cores take. Twin: gpunn/ops/conv.
// T: float, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"

constexpr int SIDE = 32, LINES = BLOCK / SIDE;

// y[i][b][a] = x[i][a][b] for a < rows, 0 for rows <= a < padded. x: (count, rows, columns), y:
// (count, columns, padded). A block turns squares of 32 x 32, read and written along their rows.
// Bytes: count * columns * (rows + padded) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pack_turned(T* __restrict__ y, const T* __restrict__ x, long long count, long long rows,
                long long columns, long long padded) {
  __shared__ T square[SIDE][SIDE + 1];
  const long long high = (padded + SIDE - 1) / SIDE, wide = (columns + SIDE - 1) / SIDE;
  const int line = threadIdx.x / SIDE, place = threadIdx.x % SIDE;
  for (long long tile = blockIdx.x; tile < count * high * wide; tile += gridDim.x) {
    const long long image = tile / (high * wide), top = tile / wide % high * SIDE;
    const long long left = tile % wide * SIDE;
    __syncthreads();  // the last square has been written
#pragma unroll
    for (int i = line; i < SIDE; i += LINES) {
      const bool is_there = top + i < rows && left + place < columns;
      const long long at = (image * rows + top + i) * columns + left + place;
      square[i][place] = is_there ? x[at] : from_compute<T>(0.0f);
    }
    __syncthreads();
#pragma unroll
    for (int i = line; i < SIDE; i += LINES) {
      if (left + i < columns && top + place < padded)
        y[(image * columns + left + i) * padded + top + place] = square[place][i];
    }
  }
}

// y[i][a] = x[i][a] for a < columns, 0 for columns <= a < padded. x: (rows, columns), y: (rows,
// padded). A thread takes one element of y.
// Bytes: rows * (columns + padded) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pack_padded(T* __restrict__ y, const T* __restrict__ x, long long rows, long long columns,
                long long padded) {
  for (long long i = thread_index(); i < rows * padded; i += thread_count()) {
    const long long row = i / padded, column = i - row * padded;
    y[i] = column < columns ? x[row * columns + column] : from_compute<T>(0.0f);
  }
}

// y[g][row][tap][a] = w[g][row][tap][a] for a < depth, 0 for depth <= a < padded. y: (groups, rows,
// taps, padded); elements of w are w_row, w_depth and w_tap apart along its rows, its channels and
// its taps, its groups follow each other. A thread takes one element of y.
// Bytes: groups * rows * taps * (depth + padded) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pack_filter(T* __restrict__ y, const T* __restrict__ w, long long groups, long long rows,
                long long taps, long long depth, long long padded, long long w_row,
                long long w_depth, long long w_tap) {
  for (long long i = thread_index(); i < groups * rows * taps * padded; i += thread_count()) {
    const long long channel = i % padded, tap = i / padded % taps, row = i / padded / taps % rows;
    const long long group = i / padded / taps / rows;
    const long long at =
        group * rows * depth * taps + row * w_row + channel * w_depth + tap * w_tap;
    y[i] = channel < depth ? w[at] : from_compute<T>(0.0f);
  }
}
