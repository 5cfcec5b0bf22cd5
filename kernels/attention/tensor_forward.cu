// Attention, forward, on tensor cores. Launched by gpunn/ops/attention/launches.py.
// (T, D, STEP): (__half, 32, 64), (__half, 64, 64), (__half, 96, 64), (__half, 128, 64), (__half, 192, 32), (__half, 256, 32), (__nv_bfloat16, 32, 64), (__nv_bfloat16, 64, 64), (__nv_bfloat16, 96, 64), (__nv_bfloat16, 128, 64), (__nv_bfloat16, 192, 32), (__nv_bfloat16, 256, 32), (float, 32, 64), (float, 64, 64), (float, 96, 32), (float, 128, 32), (float, 192, 16), (float, 256, 16)
// BLOCK: 128
// arch: 80
#include "attention/tensor_tiles.cuh"
#include "reduce.cuh"

constexpr float LOG2_E = 1.44269504f;

// What a thread's two rows know of the weights so far.
struct Softmax {
  float top[2], sum[2];  // the sums are those of this thread's columns

  __device__ __forceinline__ Softmax() {
    top[0] = top[1] = -__int_as_float(0x7f800000);
    sum[0] = sum[1] = 0;
  }

  // Scores become weights; what has been summed is scaled as they are.
  __device__ __forceinline__ void take(Scores& score, Sums& sums) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float best = top[half];
#pragma unroll
      for (int j = 0; j < STEP / 8; ++j) {
        best = merge::Greater()(best, score[j][half * 2]);
        best = merge::Greater()(best, score[j][half * 2 + 1]);
      }
      best = warp_max<4>(best);
      const bool is_blind = best < 0 && isinf(best);
      const float base = is_blind ? 0.0f : best * LOG2_E;
      const float shrunk = exp2f(fmaf(top[half], LOG2_E, -base));
      top[half] = best;
      float total = 0;
#pragma unroll
      for (int j = 0; j < STEP / 8; ++j) {
#pragma unroll
        for (int k = half * 2; k < half * 2 + 2; ++k) {
          score[j][k] = exp2f(fmaf(score[j][k], LOG2_E, -base));
          total += score[j][k];
        }
      }
      sum[half] = fmaf(sum[half], shrunk, total);
#pragma unroll
      for (int j = 0; j < D / 8; ++j) {
        sums[j][half * 2] *= shrunk;
        sums[j][half * 2 + 1] *= shrunk;
      }
    }
  }
};

// y = softmax(q kᵀ · scale + mask) v of each head, weights dropped by the rule, and log_sums, the
// logarithm of the sum of the exponentials of each query's scores: +infinity, and y = 0, where it
// sees no key. y: (batches, heads, queries, width), q: (…, depth), k: (batches, heads / group,
// keys, depth), v: (…, width), log_sums: (batches, heads, queries); depth, width <= D. A block
// takes ROWS queries and goes through the keys STEP at a time: keys are on their way while the last
// values are multiplied, values while the keys are. Shared: (ROWS + 2 * STEP) * D * sizeof(T).
// Longer than 60 lines: the signature alone takes 12, and a pipeline reads best in one piece.
// FLOPs: 2 * batches * heads * queries * keys * (depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    attention_forward(T* __restrict__ y, float* __restrict__ log_sums, const T* __restrict__ q,
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
  extern __shared__ uint4 memory[];
  uint4 *tile_k = memory + ROWS_TILE, *tile_v = tile_k + STEP_TILE;
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int row_tiles = tiles_of(queries, ROWS);
  const long long tiles = static_cast<long long>(batches) * heads * row_tiles;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, 1, row_tiles, heads);
    const int b = tile.batch, h = tile.head, first = tile.row * ROWS, lane = threadIdx.x % WARP;
    const long long head = static_cast<long long>(b) * heads + h;
    const Rule rule = all.of_head(b * mask_batch + h * mask_head, head);
    const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
    const Rows own_k = {k + b * k_batch + h / group * k_head, k_row, keys, depth};
    const Rows own_v = {v + b * v_batch + h / group * v_head, v_row, keys, width};
    const int row = first + threadIdx.x / WARP * 16 + lane / 4;
    const int last = is_causal && first + ROWS < keys ? first + ROWS : keys;
    Softmax softmax;
    Sums sum = {};
    __syncthreads();  // the last tile's memory is free
    fetch(memory, ROWS, own_q, first);
    fetch(tile_k, STEP, own_k, 0);
    cp_async_commit();
    for (int key = 0; key < last; key += STEP) {
      cp_async_wait<0>();
      __syncthreads();  // the keys are there, the last values have been used
      fetch(tile_v, STEP, own_v, key);
      cp_async_commit();
      Scores weight;
      multiply(weight, memory, tile_k);
      apply<false>(rule, weight, first, row, key);
      softmax.take(weight, sum);
      drop<false>(rule, weight, row, key);
      cp_async_wait<0>();
      __syncthreads();  // the values are there, the keys have been used
      if (key + STEP < last) fetch(tile_k, STEP, own_k, key + STEP);
      cp_async_commit();
      add_product(sum, weight, tile_v);
    }
    cp_async_wait<0>();
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float total = warp_sum<4>(softmax.sum[half]), blind = __int_as_float(0x7f800000);
      factor[half] = total == 0 ? 0.0f : 1.0f / total;
      if (lane % 4 == 0 && row + half * 8 < queries)
        log_sums[head * queries + row + half * 8] =
            total == 0 ? blind : softmax.top[half] + logf(total);
    }
    store(y + b * y_batch + h * y_head, y_row, queries, width, sum, factor, first);
  }
}
