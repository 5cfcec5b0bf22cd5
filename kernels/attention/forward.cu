// Attention, forward, on any GPU in full precision. Launched by gpunn/ops/attention/launches.py.
// (T, C, D): (float, float, 32), (float, float, 64), (float, float, 128), (float, float, 256), (double, double, 32), (double, double, 64), (double, double, 128), (__half, float, 64), (__half, float, 128), (__half, float, 256), (__nv_bfloat16, float, 64), (__nv_bfloat16, float, 128), (__nv_bfloat16, float, 256)
// BLOCK: 256
#include "attention/tiles.cuh"
#include "reduce.cuh"

// What the rows of a thread know of the weights so far.
struct Softmax {
  C top[PART];
  double sum[PART];  // of this thread's columns

  __device__ __forceinline__ Softmax() {
#pragma unroll
    for (int i = 0; i < PART; ++i) {
      top[i] = -static_cast<C>(__int_as_float(0x7f800000));
      sum[i] = 0;
    }
  }

  // Scores of row i become weights; what has been summed is scaled as they are.
  __device__ __forceinline__ void take(int i, C (&score)[PART], C (&sums)[COLUMNS]) {
    const C last = top[i];
    C best = score[0];
#pragma unroll
    for (int j = 1; j < PART; ++j) best = merge::Greater()(best, score[j]);
    top[i] = merge::Greater()(last, warp_max<LANES>(best));
    const C base = top[i] < 0 && isinf(top[i]) ? C(0) : top[i], shrunk = exp(last - base);
    C total = 0;
#pragma unroll
    for (int j = 0; j < PART; ++j) {
      score[j] = exp(score[j] - base);
      total += score[j];
    }
    sum[i] = sum[i] * shrunk + total;
#pragma unroll
    for (C& value : sums) value *= shrunk;
  }
};

// y = softmax(q kᵀ · scale + mask) v of each head, weights dropped by the rule, and log_sums, the
// logarithm of the sum of the exponentials of each query's scores: +infinity, and y = 0, where it
// sees no key. y: (batches, heads, queries, width), q: (…, depth), k: (batches, heads / group,
// keys, depth), v: (…, width), log_sums: (batches, heads, queries). A block takes SIDE queries and
// D columns, and goes through the keys SIDE at a time. Shared: (SIDE * PITCH + CHUNK) * sizeof(C).
// Longer than 60 lines: the signature alone takes 12.
// FLOPs: 2 * batches * heads * queries * keys * (depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    attention_forward(T* __restrict__ y, C* __restrict__ log_sums, const T* __restrict__ q,
                      const T* __restrict__ k, const T* __restrict__ v,
                      const bool* __restrict__ seen, const T* __restrict__ bias, int kind,
                      bool is_causal, double scale, float keep, double gain,
                      const unsigned long long* __restrict__ stream, unsigned long long offset,
                      int batches, int heads, int group, int queries, int keys, int depth,
                      int width, long long y_batch, long long y_head, long long y_row,
                      long long q_batch, long long q_head, long long q_row, long long k_batch,
                      long long k_head, long long k_row, long long v_batch, long long v_head,
                      long long v_row, long long mask_batch, long long mask_head,
                      long long mask_row, long long mask_column) {
  extern __shared__ Four memory[];
  C* square = reinterpret_cast<C*>(memory);
  C* chunk = square + SIDE * PITCH;
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int parts = tiles_of(width, D), row_tiles = tiles_of(queries, SIDE);
  const long long tiles = static_cast<long long>(batches) * heads * row_tiles * parts;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, parts, row_tiles, heads);
    const int b = tile.batch, h = tile.head, first = tile.row * SIDE, column = tile.part * D;
    const long long head = static_cast<long long>(b) * heads + h;
    const Rule rule = all.of_head(b * mask_batch + h * mask_head, head);
    const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
    const Rows own_k = {k + b * k_batch + h / group * k_head, k_row, keys, depth};
    const Rows own_v = {v + b * v_batch + h / group * v_head, v_row, keys, width};
    const int row = first + threadIdx.x / LANES * PART, lane = threadIdx.x % LANES;
    const int last = is_causal && first + SIDE < keys ? first + SIDE : keys;
    Softmax softmax;
    Sums sum = {};
    for (int key = 0; key < last; key += SIDE) {
      Square weight;
      multiply(weight, chunk, own_q, first, own_k, key);
      const auto weight_of = [&](int i) -> C& { return weight[i / PART][i % PART]; };
      const auto pair_of = [=](int i) {
        return make_int2(row + i / PART, key + lane * PART + i % PART);
      };
      rule.apply<PART * PART>(weight_of, pair_of);
#pragma unroll
      for (int i = 0; i < PART; ++i) softmax.take(i, weight[i], sum[i]);
      rule.drop<PART * PART>(weight_of, pair_of);
      share(square, weight);
      add_product(sum, square, chunk, own_v, key, column);
    }
    C factor[PART];
#pragma unroll
    for (int i = 0; i < PART; ++i) {
      const C total = static_cast<C>(warp_sum<LANES>(softmax.sum[i]));
      const bool is_blind = total == 0;
      factor[i] = is_blind ? C(0) : C(1) / total;
      if (lane == 0 && tile.part == 0 && row + i < queries) {
        const C blind = static_cast<C>(__int_as_float(0x7f800000));
        log_sums[head * queries + row + i] = is_blind ? blind : softmax.top[i] + log(total);
      }
    }
    store(y + b * y_batch + h * y_head, y_row, queries, width, sum, factor, first, column);
  }
}
