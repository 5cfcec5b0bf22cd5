// Products of tiles on tensor cores, for attention. Used by kernels/attention/tensor*.cu, which
// define T, D, STEP and BLOCK.
#pragma once
#include "conv/tensor_core.cuh"

using C = float;
#include "attention/rule.cuh"

// A block has ROWS rows of the result, a warp 16 of them, and takes STEP rows of the other matrices
// at a time. Rows have D elements, in chunks of 16 bytes.
constexpr int CHUNKS = D / ELEMENTS, ROWS = BLOCK / WARP * 16;
constexpr int ROWS_TILE = ROWS * CHUNKS, STEP_TILE = STEP * CHUNKS;  // chunks

// Of a warp's 16 x 8 squares, a thread has columns 2 (lane % 4) and the next of row lane / 4, and
// of the row 8 further down.
using Scores = float[STEP / 8][4];
using Sums = float[D / 8][4];

// Row and column of score i of this thread, of the rows from its first, `row`, on, and the columns
// from `column` on.
__device__ __forceinline__ int2 place_of(int i, int row, int column) {
  return make_int2(row + i / 2 % 2 * 8, column + threadIdx.x % 4 * 2 + i / 4 * 8 + i % 2);
}

// Where chunk `chunk` of a row lies: the 8 rows that ldmatrix reads at once are in different banks
// (in pairs of banks where D is 96).
__device__ __forceinline__ uint4* chunk_of(uint4* tile, int row, int chunk) {
  const int turn = CHUNKS % 8 == 0 ? row % 8 : CHUNKS == 4 ? row / 2 % 4 : row % 4;
  return tile + row * CHUNKS + (chunk ^ turn);
}

// Start to copy rows `first` to `first` + count of x into a tile; zeros outside of x.
__device__ __forceinline__ void fetch(uint4* tile, int count, const Rows& x, int first) {
  const unsigned long long address = reinterpret_cast<unsigned long long>(x.data);
  const bool is_aligned = ((address | x.step * sizeof(T) | x.width * sizeof(T)) & 15) == 0;
  for (int i = threadIdx.x; i < count * CHUNKS; i += BLOCK) {
    const int row = i / CHUNKS, chunk = i % CHUNKS, column = chunk * ELEMENTS;
    const bool is_there = first + row < x.count && column < x.width;
    const T* source = is_there ? x.data + (first + row) * x.step + column : x.data;
    if (is_aligned) {
      cp_async<16>(chunk_of(tile, row, chunk), source, is_there);
    } else {
      Vector<T> vector;
#pragma unroll
      for (int e = 0; e < ELEMENTS; ++e)
        vector.at[e] = is_there && column + e < x.width ? source[e] : from_compute<T>(0.0f);
      store_vector(reinterpret_cast<T*>(chunk_of(tile, row, chunk)), vector);
    }
  }
}

// score = a bᵀ for the 16 rows of this warp in the tile `a` and the STEP rows of the tile `b`. Rows
// of floats are for ldmatrix twice as many 16-bit elements, which it leaves where mma_tf32 wants
// them.
__device__ __forceinline__ void multiply(Scores& score, uint4* a, uint4* b) {
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
#pragma unroll
  for (int j = 0; j < STEP / 8; ++j) {
#pragma unroll
    for (int k = 0; k < 4; ++k) score[j][k] = 0;
  }
#pragma unroll
  for (int k = 0; k < CHUNKS; k += 2) {
    unsigned left[4];
    ldmatrix_x4(left, chunk_of(a, warp * 16 + lane % 16, k + lane / 16));
    rounded<T>(left);
#pragma unroll
    for (int j = 0; j < STEP / 8; j += 2) {
      unsigned two[4];
      ldmatrix_x4(two, chunk_of(b, j * 8 + lane / 16 * 8 + lane % 8, k + lane / 8 % 2));
      rounded<T>(two);
      const unsigned even[2] = {two[0], two[1]}, odd[2] = {two[2], two[3]};
      multiply_add<T>(score[j], left, even);
      multiply_add<T>(score[j + 1], left, odd);
    }
  }
}

// Two numbers as elements of T in one register, the first lowest.
__device__ __forceinline__ unsigned packed(float first, float second) {
  const T both[2] = {from_compute<T>(first), from_compute<T>(second)};
  unsigned bits;
  memcpy(&bits, both, sizeof(bits));
  return bits;
}

// sum += weight x for the STEP rows of the tile x, 16-bit elements. The weights are rounded to T.
__device__ __forceinline__ void add_halves(Sums& sum, const Scores& weight, uint4* x) {
  const int lane = threadIdx.x % WARP;
#pragma unroll
  for (int k = 0; k < STEP / 8; k += 2) {
    const unsigned left[4] = {
        packed(weight[k][0], weight[k][1]), packed(weight[k][2], weight[k][3]),
        packed(weight[k + 1][0], weight[k + 1][1]), packed(weight[k + 1][2], weight[k + 1][3])};
#pragma unroll
    for (int c = 0; c < CHUNKS; c += 2) {
      unsigned two[4];
      ldmatrix_x4_trans(two, chunk_of(x, k * 8 + lane % 16, c + lane / 16));
      const unsigned even[2] = {two[0], two[1]}, odd[2] = {two[2], two[3]};
      multiply_add<T>(sum[c], left, even);
      multiply_add<T>(sum[c + 1], left, odd);
    }
  }
}

// The same for floats, as tf32. A thread has columns 2 t and 2 t + 1 of the weights, t = lane % 4,
// where mma_tf32 wants t and t + 4: so rows 2 t and 2 t + 1 of x take the places of t and t + 4. A
// warp's words are in 32 different banks.
__device__ __forceinline__ void add_floats(Sums& sum, const Scores& weight, uint4* x) {
  const int lane = threadIdx.x % WARP, row = lane % 4 * 2, column = lane / 4;
#pragma unroll
  for (int k = 0; k < STEP / 8; ++k) {
    const unsigned left[4] = {to_tf32(weight[k][0]), to_tf32(weight[k][2]), to_tf32(weight[k][1]),
                              to_tf32(weight[k][3])};
#pragma unroll
    for (int c = 0; c < D / 8; ++c) {
      unsigned right[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const uint4* chunk = chunk_of(x, k * 8 + row + i, c * 2 + column / 4);
        right[i] = to_tf32(reinterpret_cast<const float*>(chunk)[column % 4]);
      }
      multiply_add<T>(sum[c], left, right);
    }
  }
}

__device__ __forceinline__ void add_product(Sums& sum, const Scores& weight, uint4* x) {
  if constexpr (sizeof(T) == 4)
    add_floats(sum, weight, x);
  else
    add_halves(sum, weight, x);
}

// Store the sums from row `first` of the tile on, each row times its factor.
__device__ __forceinline__ void store(T* y, long long step, int rows, int width, const Sums& sum,
                                      const float (&factor)[2], int first) {
  const int lane = threadIdx.x % WARP, row = first + threadIdx.x / WARP * 16 + lane / 4;
  const unsigned long long address = reinterpret_cast<unsigned long long>(y);
  const bool is_pair =
      ((address | step * sizeof(T) | width * sizeof(T)) & (sizeof(Pair<T>) - 1)) == 0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int at = row + half * 8;
#pragma unroll
    for (int j = 0; j < D / 8; ++j) {
      const int column = j * 8 + lane % 4 * 2;
      if (at >= rows || column >= width) continue;
      const T a = from_compute<T>(sum[j][half * 2] * factor[half]);
      const T b = from_compute<T>(sum[j][half * 2 + 1] * factor[half]);
      store_pair(y + at * step + column, a, b, width - column, is_pair);
    }
  }
}

// Whether all of STEP keys from `key` on are seen by all queries from `query` on, unless they are
// masked: of ROWS keys from `key` on by STEP queries if the tile lies that way.
__device__ __forceinline__ bool is_plain(const Rule& rule, int query, int queries, int key,
                                         int keys) {
  const bool is_inside = query + queries <= rule.queries && key + keys <= rule.keys;
  return rule.kind == 0 && is_inside && (!rule.is_causal || key + keys - 1 <= query);
}

// The query and key of score i of this thread: a row and a column, or if IS_TURNED the opposite.
template <bool IS_TURNED>
__device__ __forceinline__ int2 pair_of(int i, int row, int column) {
  const int2 place = place_of(i, row, column);
  return IS_TURNED ? make_int2(place.y, place.x) : place;
}

// Products become scores: of the rows from `row` on, of a tile from `first` on, and the columns
// from `column` on: queries and keys, or if IS_TURNED keys and queries.
template <bool IS_TURNED>
__device__ __forceinline__ void apply(const Rule& rule, Scores& score, int first, int row,
                                      int column) {
  if (IS_TURNED ? is_plain(rule, column, STEP, first, ROWS)
                : is_plain(rule, first, ROWS, column, STEP)) {
#pragma unroll
    for (int i = 0; i < STEP / 2; ++i) score[i / 4][i % 4] *= rule.scale;
  } else {
    rule.apply<STEP / 2>([&](int i) -> float& { return score[i / 4][i % 4]; },
                         [=](int i) { return pair_of<IS_TURNED>(i, row, column); });
  }
}

// Weights times the factors of dropout, of the same rows and columns.
template <bool IS_TURNED>
__device__ __forceinline__ void drop(const Rule& rule, Scores& weight, int row, int column) {
  rule.drop<STEP / 2>([&](int i) -> float& { return weight[i / 4][i % 4]; },
                      [=](int i) { return pair_of<IS_TURNED>(i, row, column); });
}
