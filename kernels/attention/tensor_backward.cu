// Attention, backward, on tensor cores. Launched by gpunn/ops/attention/launches.py.
// (T, D, STEP): (__half, 32, 64), (__half, 64, 64), (__half, 96, 64), (__half, 128, 64), (__half, 192, 32), (__half, 256, 32), (__nv_bfloat16, 32, 64), (__nv_bfloat16, 64, 64), (__nv_bfloat16, 96, 64), (__nv_bfloat16, 128, 64), (__nv_bfloat16, 192, 32), (__nv_bfloat16, 256, 32), (float, 32, 64), (float, 64, 64), (float, 96, 32), (float, 128, 32), (float, 192, 16), (float, 256, 16)
// BLOCK: 128
// arch: 80
#include "attention/tensor_tiles.cuh"

constexpr float LOG2_E = 1.44269504f;

// What is gone through for the heads whose gradients are added: rows of two matrices; and what is
// known of the weights.
struct Head {
  Rows first, second;
  Rule rule;
  const float *log_sums, *delta;
};

// Products become weights: of the rows from `row` on, of a tile from `first` on, and the columns
// from `column` on: queries and keys, or if IS_TURNED keys and queries. With HAS_CHANGES, `change`
// is the gradient of the weights and becomes that of the scores; else the weights are multiplied by
// dropout's factors.
template <bool IS_TURNED, bool HAS_CHANGES>
__device__ __forceinline__ void weigh(Scores& weight, Scores& change, const Head& head, int first,
                                      int row, int column) {
  const Rule& rule = head.rule;
  apply<IS_TURNED>(rule, weight, first, row, column);
  if (HAS_CHANGES) drop<IS_TURNED>(rule, change, row, column);
  constexpr int QUERIES = IS_TURNED ? STEP / 4 : 2, KEYS = STEP / 2 / QUERIES;  // of this thread
#pragma unroll
  for (int i = 0; i < QUERIES; ++i) {
    const int2 place = place_of(IS_TURNED ? i / 2 * 4 + i % 2 : i * 2, row, column);
    const int query = IS_TURNED ? place.y : place.x;
    const bool is_there = query < rule.queries;
    const float log_sum = is_there ? head.log_sums[query] : 0.0f;
    const float mean = HAS_CHANGES && is_there ? head.delta[query] : 0.0f;
#pragma unroll
    for (int e = 0; e < KEYS; ++e) {
      const int j = IS_TURNED ? i / 2 : e / 2, k = IS_TURNED ? e * 2 + i % 2 : i * 2 + e % 2;
      weight[j][k] = exp2f(fmaf(weight[j][k], LOG2_E, -log_sum * LOG2_E));
      if (HAS_CHANGES) change[j][k] = weight[j][k] * (change[j][k] - mean);
    }
  }
  if (!HAS_CHANGES) drop<IS_TURNED>(rule, weight, row, column);
}

// sum = Σ over `heads` heads of weights or changes x, x the first matrix of the head for changes,
// the second for weights, rows `begin` to `end`. `one` and `two` are the matrices whose rows from
// `first` on are multiplied by those of the head. The next rows are on their way during a product.
template <bool IS_TURNED, bool HAS_CHANGES, class F>
__device__ __forceinline__ void accumulate(Sums& sum, uint4* memory, const Rows& one,
                                           const Rows& two, int first, int heads, int begin,
                                           int end, F head_of) {
  uint4 *own_two = memory + ROWS_TILE, *tile_one = memory + (HAS_CHANGES ? 2 : 1) * ROWS_TILE;
  uint4* tile_two = tile_one + STEP_TILE;
  const int row = first + threadIdx.x / WARP * 16 + threadIdx.x % WARP / 4;
  const int steps = begin < end ? tiles_of(end - begin, STEP) : 0, all = heads * steps;
  __syncthreads();  // the last tile's memory is free
  fetch(memory, ROWS, one, first);
  if (HAS_CHANGES) fetch(own_two, ROWS, two, first);
  if (all > 0) {
    const Head head = head_of(0);
    fetch(tile_one, STEP, head.first, begin);
    fetch(tile_two, STEP, head.second, begin);
  }
  cp_async_commit();
  for (int t = 0; t < all; ++t) {
    const Head head = head_of(t / steps);
    cp_async_wait<0>();
    __syncthreads();
    Scores weight, change;
    multiply(weight, memory, tile_one);
    if (HAS_CHANGES) multiply(change, own_two, tile_two);
    weigh<IS_TURNED, HAS_CHANGES>(weight, change, head, first, row, begin + t % steps * STEP);
    const Head next = head_of((t + 1) / steps % heads);
    const int at = t + 1 < all ? begin + (t + 1) % steps * STEP : end;
    __syncthreads();  // one of the tiles has been used
    fetch(HAS_CHANGES ? tile_two : tile_one, STEP, HAS_CHANGES ? next.second : next.first, at);
    cp_async_commit();
    add_product(sum, HAS_CHANGES ? change : weight, HAS_CHANGES ? tile_one : tile_two);
    __syncthreads();  // and so has the other
    fetch(HAS_CHANGES ? tile_one : tile_two, STEP, HAS_CHANGES ? next.first : next.second, at);
    cp_async_commit();
  }
  cp_async_wait<0>();
}

// dq = scale · dS k, dS = P (dP - delta), P = exp(q kᵀ · scale + mask - log_sums), dP = (dy vᵀ) D,
// D dropout's factors. dq, q: (batches, heads, queries, depth), dy: (…, width), k: (batches, heads
// / group, keys, depth), v: (…, width); depth, width <= D. A block takes ROWS queries and goes
// through the keys STEP at a time. Shared: (2 * ROWS + 2 * STEP) * D * sizeof(T). FLOPs: 2 *
// batches * heads * queries * keys * (2 * depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_query_gradient(
    T* __restrict__ dq, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const float* __restrict__ log_sums, const float* __restrict__ delta,
    const bool* __restrict__ seen, const T* __restrict__ bias, int kind, bool is_causal,
    double scale, float keep, double gain, const unsigned long long* __restrict__ stream,
    unsigned long long offset, int batches, int heads, int group, int queries, int keys, int depth,
    int width, long long dq_batch, long long dq_head, long long dq_row, long long dy_batch,
    long long dy_head, long long dy_row, long long q_batch, long long q_head, long long q_row,
    long long k_batch, long long k_head, long long k_row, long long v_batch, long long v_head,
    long long v_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ uint4 memory[];
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int row_tiles = tiles_of(queries, ROWS);
  const long long tiles = static_cast<long long>(batches) * heads * row_tiles;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, 1, row_tiles, heads);
    const int b = tile.batch, h = tile.head, first = tile.row * ROWS;
    const long long line = static_cast<long long>(b) * heads + h;
    const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
    const Rows own_dy = {dy + b * dy_batch + h * dy_head, dy_row, queries, width};
    const Head head = {{k + b * k_batch + h / group * k_head, k_row, keys, depth},
                       {v + b * v_batch + h / group * v_head, v_row, keys, width},
                       all.of_head(b * mask_batch + h * mask_head, line),
                       log_sums + line * queries,
                       delta + line * queries};
    const int last = is_causal && first + ROWS < keys ? first + ROWS : keys;
    Sums sum = {};
    accumulate<false, true>(sum, memory, own_q, own_dy, first, 1, 0, last,
                            [&](int) { return head; });
    const float factor[2] = {all.scale, all.scale};
    store(dq + b * dq_batch + h * dq_head, dq_row, queries, depth, sum, factor, first);
  }
}

// dk = Σ scale · dSᵀ q over the heads of a group, dS as above. dk, k: (batches, heads / group,
// keys, depth), v: (…, width), q: (batches, heads, queries, depth), dy: (…, width). A block takes
// ROWS keys and goes through heads and queries. Shared: (2 * ROWS + 2 * STEP) * D * sizeof(T).
// FLOPs: 2 * batches * heads * queries * keys * (2 * depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_key_gradient(
    T* __restrict__ dk, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const float* __restrict__ log_sums, const float* __restrict__ delta,
    const bool* __restrict__ seen, const T* __restrict__ bias, int kind, bool is_causal,
    double scale, float keep, double gain, const unsigned long long* __restrict__ stream,
    unsigned long long offset, int batches, int heads, int group, int queries, int keys, int depth,
    int width, long long dk_batch, long long dk_head, long long dk_row, long long dy_batch,
    long long dy_head, long long dy_row, long long q_batch, long long q_head, long long q_row,
    long long k_batch, long long k_head, long long k_row, long long v_batch, long long v_head,
    long long v_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ uint4 memory[];
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int row_tiles = tiles_of(keys, ROWS);
  const long long tiles = static_cast<long long>(batches) * (heads / group) * row_tiles;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, 1, row_tiles, heads / group);
    const int b = tile.batch, first = tile.row * ROWS;
    const Rows own_k = {k + b * k_batch + tile.head * k_head, k_row, keys, depth};
    const Rows own_v = {v + b * v_batch + tile.head * v_head, v_row, keys, width};
    const auto head_of = [&](int i) -> Head {
      const int h = tile.head * group + i;
      const long long line = static_cast<long long>(b) * heads + h;
      return {{q + b * q_batch + h * q_head, q_row, queries, depth},
              {dy + b * dy_batch + h * dy_head, dy_row, queries, width},
              all.of_head(b * mask_batch + h * mask_head, line),
              log_sums + line * queries,
              delta + line * queries};
    };
    Sums sum = {};
    accumulate<true, true>(sum, memory, own_k, own_v, first, group, is_causal ? first : 0, queries,
                           head_of);
    const float factor[2] = {all.scale, all.scale};
    store(dk + b * dk_batch + tile.head * dk_head, dk_row, keys, depth, sum, factor, first);
  }
}

// dv = Σ (P D)ᵀ dy over the heads of a group, P and D as above. dv: (batches, heads / group, keys,
// width), the rest and blocks as for dk. Shared: (ROWS + 2 * STEP) * D * sizeof(T).
// FLOPs: 2 * batches * heads * queries * keys * (depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_value_gradient(
    T* __restrict__ dv, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const float* __restrict__ log_sums, const bool* __restrict__ seen, const T* __restrict__ bias,
    int kind, bool is_causal, double scale, float keep, double gain,
    const unsigned long long* __restrict__ stream, unsigned long long offset, int batches,
    int heads, int group, int queries, int keys, int depth, int width, long long dv_batch,
    long long dv_head, long long dv_row, long long dy_batch, long long dy_head, long long dy_row,
    long long q_batch, long long q_head, long long q_row, long long k_batch, long long k_head,
    long long k_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ uint4 memory[];
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int row_tiles = tiles_of(keys, ROWS);
  const long long tiles = static_cast<long long>(batches) * (heads / group) * row_tiles;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, 1, row_tiles, heads / group);
    const int b = tile.batch, first = tile.row * ROWS;
    const Rows own_k = {k + b * k_batch + tile.head * k_head, k_row, keys, depth};
    const auto head_of = [&](int i) -> Head {
      const int h = tile.head * group + i;
      const long long line = static_cast<long long>(b) * heads + h;
      return {{q + b * q_batch + h * q_head, q_row, queries, depth},
              {dy + b * dy_batch + h * dy_head, dy_row, queries, width},
              all.of_head(b * mask_batch + h * mask_head, line),
              log_sums + line * queries,
              nullptr};
    };
    Sums sum = {};
    accumulate<true, false>(sum, memory, own_k, own_k, first, group, is_causal ? first : 0, queries,
                            head_of);
    const float factor[2] = {1.0f, 1.0f};
    store(dv + b * dv_batch + tile.head * dv_head, dv_row, keys, width, sum, factor, first);
  }
}
