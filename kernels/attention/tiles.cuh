// Products of tiles in the type C, each thread a part of 4 x 4, for attention without tensor cores.
// Used by kernels/attention/{forward,backward}.cu, which define T, C, D and BLOCK.
#pragma once
#include "attention/rule.cuh"

// A block has SIDE rows of the result and takes SIDE rows of the other matrix at a time. Thread (y,
// x) of LANES x LANES has rows 4 y to 4 y + 3 and the same columns of x of a square; of the result
// columns x, x + LANES, ... of D.
constexpr int LANES = 16, PART = 4, SIDE = LANES * PART, DEPTH = 16, PITCH = SIDE + 4;
constexpr int COLUMNS = D / LANES;
constexpr int CHUNK =
    DEPTH * (D > 2 * PITCH ? D : 2 * PITCH);  // elements that are multiplied at once
static_assert(BLOCK == LANES * LANES, "a thread for each part");

using Square = C[PART][PART];
using Sums = C[PART][COLUMNS];

// Four neighbours, read by one or two instructions.
struct alignas(16) Four {
  C at[PART];
};

// chunk[e][row] = column `column` + e of rows `first` to `first` + SIDE of x, zeros outside.
__device__ __forceinline__ void load_turned(C* chunk, const Rows& x, int first, int column) {
#pragma unroll
  for (int i = threadIdx.x; i < SIDE * DEPTH; i += BLOCK) {
    const int row = i / DEPTH, e = i % DEPTH;
    const bool is_there = first + row < x.count && column + e < x.width;
    const long long at = (first + row) * x.step + column + e;
    chunk[e * PITCH + row] = is_there ? to_compute(x.data[at]) : C(0);
  }
}

// product[i][j] = Σ a[a_first + row i] · b[b_first + column j]. `chunk` is for CHUNK elements.
__device__ __forceinline__ void multiply(Square& product, C* chunk, const Rows& a, int a_first,
                                         const Rows& b, int b_first) {
  const int y = threadIdx.x / LANES, x = threadIdx.x % LANES;
#pragma unroll
  for (int i = 0; i < PART; ++i) {
#pragma unroll
    for (int j = 0; j < PART; ++j) product[i][j] = 0;
  }
  for (int column = 0; column < a.width; column += DEPTH) {
    __syncthreads();  // the last chunk has been used
    load_turned(chunk, a, a_first, column);
    load_turned(chunk + DEPTH * PITCH, b, b_first, column);
    __syncthreads();
#pragma unroll 4
    for (int e = 0; e < DEPTH; ++e) {
      const Four left = reinterpret_cast<const Four*>(chunk + e * PITCH)[y];
      const Four right = reinterpret_cast<const Four*>(chunk + (DEPTH + e) * PITCH)[x];
#pragma unroll
      for (int i = 0; i < PART; ++i) {
#pragma unroll
        for (int j = 0; j < PART; ++j) product[i][j] += left.at[i] * right.at[j];
      }
    }
  }
}

// Leave a square for all threads: square[column][row].
__device__ __forceinline__ void share(C* square, const Square& part) {
  const int y = threadIdx.x / LANES, x = threadIdx.x % LANES;
#pragma unroll
  for (int j = 0; j < PART; ++j) {
    const Four four = {{part[0][j], part[1][j], part[2][j], part[3][j]}};
    reinterpret_cast<Four*>(square + (x * PART + j) * PITCH)[y] = four;
  }
}

// sum += square · x, rows `first` to `first` + SIDE of x, columns from `column` on. All threads
// have used the square when this returns.
__device__ __forceinline__ void add_product(Sums& sum, const C* square, C* chunk, const Rows& x,
                                            int first, int column) {
  const int y = threadIdx.x / LANES, lane = threadIdx.x % LANES;
  for (int begin = 0; begin < SIDE && first + begin < x.count; begin += DEPTH) {
    __syncthreads();  // the square is there, the last chunk has been used
#pragma unroll 4
    for (int i = threadIdx.x; i < DEPTH * D; i += BLOCK) {
      const int row = first + begin + i / D, at = column + i % D;
      const bool is_there = row < x.count && at < x.width;
      chunk[i] = is_there ? to_compute(x.data[row * x.step + at]) : C(0);
    }
    __syncthreads();
#pragma unroll 2
    for (int n = 0; n < DEPTH; ++n) {
      const Four weight = reinterpret_cast<const Four*>(square + (begin + n) * PITCH)[y];
#pragma unroll
      for (int c = 0; c < COLUMNS; ++c) {
        const C value = chunk[n * D + lane + c * LANES];
#pragma unroll
        for (int i = 0; i < PART; ++i) sum[i][c] += weight.at[i] * value;
      }
    }
  }
  __syncthreads();
}

// Store the sums, each row times its factor.
__device__ __forceinline__ void store(T* y, long long step, int rows, int width, const Sums& sum,
                                      const C (&factor)[PART], int first, int column) {
#pragma unroll
  for (int i = 0; i < PART; ++i) {
    const int row = first + threadIdx.x / LANES * PART + i;
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
      const int at = column + threadIdx.x % LANES + c * LANES;
      if (row < rows && at < width) y[row * step + at] = from_compute<T>(sum[i][c] * factor[i]);
    }
  }
}
