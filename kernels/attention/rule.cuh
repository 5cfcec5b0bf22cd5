// Who attends to whom, and how much of it dropout keeps. Used by kernels/attention/*.cu, which
// define T and C.
#pragma once
#include "random.cuh"

// How far apart batches, heads and rows are in an array (batches, heads, rows, columns).
struct Steps {
  long long batch, head, row;

  __device__ __forceinline__ long long at(int b, int h) const { return b * batch + h * head; }
};

// The rows of a matrix: elements of a row side by side, rows `step` apart.
struct Rows {
  const T* data;
  long long step;
  int count, width;
};

// What the weights of a batch's head depend on besides scores. kind of the mask: 0 none, 1 `seen`,
// 2 `bias`, which is added.
struct Rule {
  C scale, gain;
  float keep;
  bool is_causal;
  int kind, queries, keys;
  const bool* seen;
  const T* bias;
  long long mask_row, mask_column;
  unsigned long long seed, offset;
  long long number;  // of the first weight

  // This rule for a head that starts `step` elements on in the mask, and is number `head` of all.
  __device__ __forceinline__ Rule of_head(long long step, long long head) const {
    Rule rule = *this;
    rule.seen += step;
    rule.bias += step;
    rule.number = head * queries * keys;
    return rule;
  }

  // The last key that a query sees, if the mask shows it; -1: none.
  __device__ __forceinline__ int last_key(int query) const {
    const int last = is_causal && query < keys ? query : keys - 1;
    return query < queries ? last : -1;
  }

  // Products become scores: product(i) is that of the query and key place(i), and becomes -infinity
  // where the query does not see the key. What a mask says is read in a loop: a copy of that for
  // each product takes compilers a third longer.
  template <int COUNT, class F, class G>
  __device__ __forceinline__ void apply(F product, G place) const {
    const C hidden = -static_cast<C>(__int_as_float(0x7f800000));
    if (kind == 0) {
#pragma unroll
      for (int i = 0; i < COUNT; ++i) {
        const int2 pair = place(i);
        product(i) = pair.y <= last_key(pair.x) ? product(i) * scale : hidden;
      }
      return;
    }
    unsigned shown = 0;
    C added[COUNT];
#pragma unroll 4
    for (int i = 0; i < COUNT; ++i) {
      const int2 pair = place(i);
      const bool is_inside = pair.y <= last_key(pair.x);
      const long long at = is_inside ? pair.x * mask_row + pair.y * mask_column : 0;
      const bool is_shown = is_inside && (kind == 2 || seen[at]);
      added[i] = kind == 2 ? to_compute(bias[at]) : C(0);
      shown |= static_cast<unsigned>(is_shown) << i;
    }
#pragma unroll
    for (int i = 0; i < COUNT; ++i)
      product(i) = shown >> i & 1 ? product(i) * scale + added[i] : hidden;
  }

  // Bit i is whether dropout keeps the weight of the query and key place(i). Not unrolled: a copy
  // of Philox for each weight takes the compiler a minute.
  template <int COUNT, class F>
  __device__ __forceinline__ unsigned kept(F place) const {
    unsigned bits = 0;
    long long known = -1;
    uint4 words = make_uint4(0, 0, 0, 0);
#pragma unroll 1
    for (int i = 0; i < COUNT; ++i) {
      const int2 pair = place(i);
      const long long at = number + static_cast<long long>(pair.x) * keys + pair.y;
      if (at / 4 != known) {
        known = at / 4;
        words = philox(seed, offset + known);
      }
      const int part = static_cast<int>(at % 4);
      const unsigned word = part < 2 ? (part ? words.y : words.x) : part == 2 ? words.z : words.w;
      const bool is_kept = static_cast<float>(word >> 8) * 0x1p-24f < keep;
      bits |= static_cast<unsigned>(is_kept) << i;
    }
    return bits;
  }

  // Each weight(i), that of the query and key place(i), times dropout's factor.
  template <int COUNT, class F, class G>
  __device__ __forceinline__ void drop(F weight, G place) const {
    if (keep >= 1.0f) return;
    const unsigned bits = kept<COUNT>(place);
#pragma unroll
    for (int i = 0; i < COUNT; ++i) weight(i) *= bits >> i & 1 ? gain : C(0);
  }
};

// A tile of the work: some rows of a head of a batch, and a part of the columns of the result.
struct Tile {
  int part, row, head, batch;

  // Tile `number`; the last rows come first: under a causal rule, they take the longest.
  __device__ __forceinline__ Tile(long long number, int parts, int row_tiles, int heads) {
    part = static_cast<int>(number % parts);
    number /= parts;
    row = row_tiles - 1 - static_cast<int>(number % row_tiles);
    number /= row_tiles;
    head = static_cast<int>(number % heads);
    batch = static_cast<int>(number / heads);
  }
};

__device__ __forceinline__ int tiles_of(int count, int size) { return (count + size - 1) / size; }
