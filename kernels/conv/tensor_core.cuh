// What convolutions on tensor cores share: tiles of 16-byte chunks in shared memory, and products
// of T. Used by kernels/conv/tensor*.cu and matrix.cuh.
#pragma once
#include "common.cuh"
#include "ptx.cuh"

constexpr int ELEMENTS = 16 / sizeof(T);  // of a chunk
constexpr int PRODUCTS = 2 * ELEMENTS;    // that multiply_add sums
constexpr int WARP = 32;

// D += A B of a warp. A product of floats is one of tf32 numbers, which `rounded` makes of them.
template <class X>
__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4],
                                             const unsigned (&b)[2]) {
  mma_tf32(d, a, b, d);
}
template <>
__device__ __forceinline__ void multiply_add<__half>(float (&d)[4], const unsigned (&a)[4],
                                                     const unsigned (&b)[2]) {
  mma_f16(d, a, b, d);
}
template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(float (&d)[4], const unsigned (&a)[4],
                                                            const unsigned (&b)[2]) {
  mma_bf16(d, a, b, d);
}

template <class X, int N>
__device__ __forceinline__ void rounded(unsigned (&bits)[N]) {
  if constexpr (sizeof(X) == 4) {
#pragma unroll
    for (int i = 0; i < N; ++i) bits[i] = to_tf32(__uint_as_float(bits[i]));
  }
}

// Where a chunk of a line of a tile lies: chunks are mixed so that a warp reads from different
// banks. INSIDE: a line is a row of products, 8 chunks of them; else a product of CHUNKS chunks of
// rows.
template <bool INSIDE, int CHUNKS>
__device__ __forceinline__ uint4* mixed_chunk(uint4* tile, int line, int chunk) {
  const int mixed = INSIDE || sizeof(T) == 2 ? line % 8 : line % 4 * 2;
  return tile + line * CHUNKS + (chunk ^ mixed);
}

template <int CHUNKS>
__device__ __forceinline__ unsigned word_of(uint4* tile, int product, int row) {
  uint4* chunk = mixed_chunk<false, CHUNKS>(tile, product, row / 4);
  return reinterpret_cast<const unsigned*>(chunk)[row % 4];
}

// The left operand of multiply_add for 16 rows, from `row` on, of a tile of WIDTH, and products
// k ...: 8 of floats, 16 of halves. ldmatrix reads, or turns, 8 x 8 matrices of 16-bit elements;
// rows of floats are for all that it knows 8 x 4 matrices, but it cannot turn those.
template <bool INSIDE, int WIDTH>
__device__ __forceinline__ void load_left(unsigned (&a)[4], uint4* tile, int k, int row) {
  constexpr int CHUNKS = INSIDE ? 8 : WIDTH / ELEMENTS;
  const int lane = threadIdx.x % WARP;
  if constexpr (INSIDE) {
    const int chunk = k / ELEMENTS + lane / 16;
    ldmatrix_x4(a, mixed_chunk<INSIDE, CHUNKS>(tile, row + lane % 16, chunk));
  } else if constexpr (sizeof(T) == 2) {
    const int product = k + lane % 8 + lane / 16 * 8, chunk = row / ELEMENTS + lane / 8 % 2;
    ldmatrix_x4_trans(a, mixed_chunk<INSIDE, CHUNKS>(tile, product, chunk));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[i] = word_of<CHUNKS>(tile, k + lane % 4 + i / 2 * 4, row + lane / 4 + i % 2 * 8);
  }
  rounded<T>(a);
}

// The right operands of two multiply_add, each for 8 columns, from `column` on.
template <bool INSIDE, int WIDTH>
__device__ __forceinline__ void load_right(unsigned (&b)[2][2], uint4* tile, int k, int column) {
  constexpr int CHUNKS = INSIDE ? 8 : WIDTH / ELEMENTS;
  const int lane = threadIdx.x % WARP;
  unsigned two[4];
  if constexpr (INSIDE) {
    const int line = column + lane / 16 * 8 + lane % 8, chunk = k / ELEMENTS + lane / 8 % 2;
    ldmatrix_x4(two, mixed_chunk<INSIDE, CHUNKS>(tile, line, chunk));
  } else if constexpr (sizeof(T) == 2) {
    const int product = k + lane % 8 + lane / 8 % 2 * 8, chunk = column / ELEMENTS + lane / 16;
    ldmatrix_x4_trans(two, mixed_chunk<INSIDE, CHUNKS>(tile, product, chunk));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      two[i] = word_of<CHUNKS>(tile, k + lane % 4 + i % 2 * 4, column + i / 2 * 8 + lane / 4);
  }
  rounded<T>(two);
#pragma unroll
  for (int i = 0; i < 4; ++i) b[i / 2][i % 2] = two[i];
}

// Add to sums of 16 x 8 the products k ... of the rows `a` and all columns from `column` on.
template <bool INSIDE, int WIDTH, int HIGH, int WIDE>
__device__ __forceinline__ void multiply_columns(float (&sum)[HIGH][WIDE][4],
                                                 const unsigned (&a)[HIGH][4], uint4* tile, int k,
                                                 int column) {
#pragma unroll
  for (int j = 0; j < WIDE; j += 2) {
    unsigned b[2][2];
    load_right<INSIDE, WIDTH>(b, tile, k, column + j * 8);
#pragma unroll
    for (int i = 0; i < HIGH; ++i) {
      multiply_add<T>(sum[i][j], a[i], b[0]);
      multiply_add<T>(sum[i][j + 1], a[i], b[1]);
    }
  }
}

// Where this thread's sums lie in a tile that is WARPS warps high, each of WM x WN: rows at row + 8
// i, columns at column + 8 j and the next.
template <int WARPS, int WM, int WN>
struct Lane {
  int row, column;
  __device__ __forceinline__ Lane() {
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    row = warp % WARPS * WM + lane / 4;
    column = warp / WARPS * WN + lane % 4 * 2;
  }
};

// What becomes of sums before they are stored. Pointers may be null. A loop for each part: the
// parts of each sum one after the other, in one loop, take compilers up to twice as long.
struct Epilogue {
  const T *bias, *residual;
  bool is_relu;

  // Row i, columns j and the next: sums that lie at place(i, j) and behind it in the result, and
  // `left(i, j)` of which are there; of channels channel(i, j), and the same or the next one.
  template <int HIGH, int WIDE, class Channel, class Place, class Left>
  __device__ __forceinline__ void operator()(float (&sum)[HIGH][WIDE][4], Channel channel,
                                             Place place, Left left) const {
    if (bias != nullptr) {
#pragma unroll
      for (int i = 0; i < HIGH * WIDE * 4; ++i) {
        const int row = i % (HIGH * 2), column = i / (HIGH * 4), next = i / (HIGH * 2) % 2;
        sum[row / 2][column][row % 2 * 2 + next] += to_compute(bias[channel(row, column, next)]);
      }
    }
    if (residual != nullptr) {
#pragma unroll
      for (int i = 0; i < HIGH * WIDE * 4; ++i) {
        const int row = i / (WIDE * 2), column = i / 2 % WIDE, next = i % 2;
        if (next < left(row, column))
          sum[row / 2][column][row % 2 * 2 + next] +=
              to_compute(residual[place(row, column) + next]);
      }
    }
#pragma unroll
    for (int i = 0; i < HIGH * WIDE * 4; ++i) {
      float& value = sum[i / WIDE / 4][i / 4 % WIDE][i % 4];
      value = to_compute(from_compute<T>(is_relu && value <= 0.0f ? 0.0f : value));
    }
  }
};

// For each column of a tile of BN, of which `left` are left, the sum of the deviations of its
// values from `shift`, and of their squares, to `statistics` and `squares`; in a fixed tree.
// `memory` is free shared memory, `is_there` tells which rows count.
template <int WARPS, int WM, int WN, int BN, int HIGH, int WIDE, class IsThere>
__device__ __forceinline__ void add_statistics(float* statistics, float* squares, float* memory,
                                               const float* shift,
                                               const float (&sum)[HIGH][WIDE][4], int left,
                                               const IsThere& is_there) {
  const Lane<WARPS, WM, WN> lane;
#pragma unroll
  for (int j = 0; j < WIDE; ++j) {
#pragma unroll
    for (int next = 0; next < 2; ++next) {
      const int column = lane.column + j * 8 + next;
      const float center = column < left ? shift[column] : 0.0f;
      float total = 0, square = 0;
#pragma unroll
      for (int i = 0; i < 2 * HIGH; ++i) {
        const bool counts = is_there(lane.row + i * 8);
        const float value = counts ? sum[i / 2][j][i % 2 * 2 + next] - center : 0.0f;
        total += value;
        square += value * value;
      }
#pragma unroll
      for (int distance = 4; distance < WARP; distance *= 2) {
        total += __shfl_xor_sync(0xffffffff, total, distance);
        square += __shfl_xor_sync(0xffffffff, square, distance);
      }
      float* place = memory + (lane.row / WM * BN + column) * 2;
      if (lane.row % 8 == 0) {
        place[0] = total;
        place[1] = square;
      }
    }
  }
  __syncthreads();
  for (int column = threadIdx.x; column < BN && column < left; column += BLOCK) {
    float total = 0, square = 0;
    for (int warp = 0; warp < WARPS; ++warp) {
      total += memory[(warp * BN + column) * 2];
      square += memory[(warp * BN + column) * 2 + 1];
    }
    statistics[column] = total;
    squares[column] = square;
  }
}

// Two neighbours, stored by one instruction where `is_pair`: then the address is a multiple of
// both. Of an odd number of channels the last has no neighbour: `count` is 1.
template <class X>
struct alignas(2 * sizeof(X)) Pair {
  X first, second;
};

template <class X>
__device__ __forceinline__ void store_pair(X* target, X first, X second, int count, bool is_pair) {
  if (is_pair) {
    *reinterpret_cast<Pair<X>*>(target) = {first, second};
    return;
  }
  target[0] = first;
  if (count > 1) target[1] = second;
}
