// Attention, backward, on any GPU in full precision. Launched by gpunn/ops/attention/launches.py.
// (T, C, D): (float, float, 32), (float, float, 64), (float, float, 128), (float, float, 256), (double, double, 32), (double, double, 64), (double, double, 128), (__half, float, 64), (__half, float, 128), (__half, float, 256), (__nv_bfloat16, float, 64), (__nv_bfloat16, float, 128), (__nv_bfloat16, float, 256)
// BLOCK: 256
#include "attention/tiles.cuh"

// Products become weights: of rows `row` + i and columns `column` + j, queries and keys, or if
// IS_TURNED keys and queries. `changes`, if it is there, is the gradient of the weights and becomes
// that of the products; else the weights are multiplied by dropout's factors.
template <bool IS_TURNED>
__device__ __forceinline__ void weigh(Square& weight, Square* changes, const Rule& rule,
                                      const C* log_sums, const C* delta, int row, int column) {
  const auto pair_of = [=](int i) {
    const int r = row + i / PART, c = column + i % PART;
    return IS_TURNED ? make_int2(c, r) : make_int2(r, c);
  };
  rule.apply<PART * PART>([&](int i) -> C& { return weight[i / PART][i % PART]; }, pair_of);
  if (changes != nullptr)
    rule.drop<PART * PART>([&](int i) -> C& { return (*changes)[i / PART][i % PART]; }, pair_of);
#pragma unroll
  for (int line = 0; line < PART; ++line) {
    const int query = (IS_TURNED ? column : row) + line;
    const bool is_there = query < rule.queries;
    const C log_sum = is_there ? log_sums[query] : C(0);
    const C mean = is_there && changes != nullptr ? delta[query] : C(0);
#pragma unroll
    for (int k = 0; k < PART; ++k) {
      C& w = IS_TURNED ? weight[k][line] : weight[line][k];
      w = exp(w - log_sum);
      if (changes != nullptr) {
        C& change = IS_TURNED ? (*changes)[k][line] : (*changes)[line][k];
        change = w * (change - mean) * rule.scale;
      }
    }
  }
  if (changes == nullptr)
    rule.drop<PART * PART>([&](int i) -> C& { return weight[i / PART][i % PART]; }, pair_of);
}

// dq = scale · dS k, dS = P (dP - delta), P = exp(q kᵀ · scale + mask - log_sums), dP = (dy vᵀ) D,
// D dropout's factors. dq, q: (batches, heads, queries, depth), dy: (…, width), k: (batches, heads
// / group, keys, depth), v: (…, width). Blocks and shared memory as in the forward. FLOPs: 2 *
// batches * heads * queries * keys * (2 * depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_query_gradient(
    T* __restrict__ dq, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const C* __restrict__ log_sums, const C* __restrict__ delta,
    const bool* __restrict__ seen, const T* __restrict__ bias, int kind, bool is_causal,
    double scale, float keep, double gain, const unsigned long long* __restrict__ stream,
    unsigned long long offset, int batches, int heads, int group, int queries, int keys, int depth,
    int width, long long dq_batch, long long dq_head, long long dq_row, long long dy_batch,
    long long dy_head, long long dy_row, long long q_batch, long long q_head, long long q_row,
    long long k_batch, long long k_head, long long k_row, long long v_batch, long long v_head,
    long long v_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ Four memory[];
  C* square = reinterpret_cast<C*>(memory);
  C* chunk = square + SIDE * PITCH;
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int parts = tiles_of(depth, D), row_tiles = tiles_of(queries, SIDE);
  const long long tiles = static_cast<long long>(batches) * heads * row_tiles * parts;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, parts, row_tiles, heads);
    const int b = tile.batch, h = tile.head, first = tile.row * SIDE, column = tile.part * D;
    const long long head = static_cast<long long>(b) * heads + h;
    const Rule rule = all.of_head(b * mask_batch + h * mask_head, head);
    const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
    const Rows own_dy = {dy + b * dy_batch + h * dy_head, dy_row, queries, width};
    const Rows own_k = {k + b * k_batch + h / group * k_head, k_row, keys, depth};
    const Rows own_v = {v + b * v_batch + h / group * v_head, v_row, keys, width};
    const int row = first + threadIdx.x / LANES * PART, lane = threadIdx.x % LANES;
    const int last = is_causal && first + SIDE < keys ? first + SIDE : keys;
    Sums sum = {};
    for (int key = 0; key < last; key += SIDE) {
      Square weight, change;
      multiply(weight, chunk, own_q, first, own_k, key);
      multiply(change, chunk, own_dy, first, own_v, key);
      weigh<false>(weight, &change, rule, log_sums + head * queries, delta + head * queries, row,
                   key + lane * PART);
      share(square, change);
      add_product(sum, square, chunk, own_k, key, column);
    }
    const C one[PART] = {1, 1, 1, 1};
    store(dq + b * dq_batch + h * dq_head, dq_row, queries, depth, sum, one, first, column);
  }
}

// dk = Σ scale · dSᵀ q over the heads of a group, dS as above. dk, k: (batches, heads / group,
// keys, depth), v: (…, width), q: (batches, heads, queries, depth), dy: (…, width). A block takes
// SIDE keys and D columns, and goes through heads and queries. Shared memory as in the forward.
// FLOPs: 2 * batches * heads * queries * keys * (2 * depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_key_gradient(
    T* __restrict__ dk, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const C* __restrict__ log_sums, const C* __restrict__ delta,
    const bool* __restrict__ seen, const T* __restrict__ bias, int kind, bool is_causal,
    double scale, float keep, double gain, const unsigned long long* __restrict__ stream,
    unsigned long long offset, int batches, int heads, int group, int queries, int keys, int depth,
    int width, long long dk_batch, long long dk_head, long long dk_row, long long dy_batch,
    long long dy_head, long long dy_row, long long q_batch, long long q_head, long long q_row,
    long long k_batch, long long k_head, long long k_row, long long v_batch, long long v_head,
    long long v_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ Four memory[];
  C* square = reinterpret_cast<C*>(memory);
  C* chunk = square + SIDE * PITCH;
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int parts = tiles_of(depth, D), row_tiles = tiles_of(keys, SIDE);
  const long long tiles = static_cast<long long>(batches) * (heads / group) * row_tiles * parts;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, parts, row_tiles, heads / group);
    const int b = tile.batch, first = tile.row * SIDE, column = tile.part * D;
    const Rows own_k = {k + b * k_batch + tile.head * k_head, k_row, keys, depth};
    const Rows own_v = {v + b * v_batch + tile.head * v_head, v_row, keys, width};
    const int row = first + threadIdx.x / LANES * PART, lane = threadIdx.x % LANES;
    Sums sum = {};
    for (int h = tile.head * group; h < (tile.head + 1) * group; ++h) {
      const long long head = static_cast<long long>(b) * heads + h;
      const Rule rule = all.of_head(b * mask_batch + h * mask_head, head);
      const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
      const Rows own_dy = {dy + b * dy_batch + h * dy_head, dy_row, queries, width};
      for (int query = is_causal ? first : 0; query < queries; query += SIDE) {
        Square weight, change;
        multiply(weight, chunk, own_k, first, own_q, query);
        multiply(change, chunk, own_v, first, own_dy, query);
        weigh<true>(weight, &change, rule, log_sums + head * queries, delta + head * queries, row,
                    query + lane * PART);
        share(square, change);
        add_product(sum, square, chunk, own_q, query, column);
      }
    }
    const C one[PART] = {1, 1, 1, 1};
    store(dk + b * dk_batch + tile.head * dk_head, dk_row, keys, depth, sum, one, first, column);
  }
}

// dv = Σ (P D)ᵀ dy over the heads of a group, P and D as above. dv: (batches, heads / group, keys,
// width), the rest, blocks and shared memory as for dk.
// FLOPs: 2 * batches * heads * queries * keys * (depth + width).
extern "C" __global__ void __launch_bounds__(BLOCK, 1) attention_value_gradient(
    T* __restrict__ dv, const T* __restrict__ dy, const T* __restrict__ q, const T* __restrict__ k,
    const C* __restrict__ log_sums, const bool* __restrict__ seen, const T* __restrict__ bias,
    int kind, bool is_causal, double scale, float keep, double gain,
    const unsigned long long* __restrict__ stream, unsigned long long offset, int batches,
    int heads, int group, int queries, int keys, int depth, int width, long long dv_batch,
    long long dv_head, long long dv_row, long long dy_batch, long long dy_head, long long dy_row,
    long long q_batch, long long q_head, long long q_row, long long k_batch, long long k_head,
    long long k_row, long long mask_batch, long long mask_head, long long mask_row,
    long long mask_column) {
  extern __shared__ Four memory[];
  C* square = reinterpret_cast<C*>(memory);
  C* chunk = square + SIDE * PITCH;
  const Rule all = {
      C(scale), C(gain),     keep,      is_causal,          kind, queries, keys, seen, bias,
      mask_row, mask_column, stream[0], stream[1] + offset, 0};
  const int parts = tiles_of(width, D), row_tiles = tiles_of(keys, SIDE);
  const long long tiles = static_cast<long long>(batches) * (heads / group) * row_tiles * parts;
  for (long long number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile(number, parts, row_tiles, heads / group);
    const int b = tile.batch, first = tile.row * SIDE, column = tile.part * D;
    const Rows own_k = {k + b * k_batch + tile.head * k_head, k_row, keys, depth};
    const int row = first + threadIdx.x / LANES * PART, lane = threadIdx.x % LANES;
    Sums sum = {};
    for (int h = tile.head * group; h < (tile.head + 1) * group; ++h) {
      const long long head = static_cast<long long>(b) * heads + h;
      const Rule rule = all.of_head(b * mask_batch + h * mask_head, head);
      const Rows own_q = {q + b * q_batch + h * q_head, q_row, queries, depth};
      const Rows own_dy = {dy + b * dy_batch + h * dy_head, dy_row, queries, width};
      for (int query = is_causal ? first : 0; query < queries; query += SIDE) {
        Square weight;
        multiply(weight, chunk, own_k, first, own_q, query);
        weigh<true>(weight, nullptr, rule, log_sums + head * queries, nullptr, row,
                    query + lane * PART);
        share(square, weight);
        add_product(sum, square, chunk, own_dy, query, column);
      }
    }
    const C one[PART] = {1, 1, 1, 1};
    store(dv + b * dv_batch + tile.head * dv_head, dv_row, keys, width, sum, one, first, column);
  }
}
