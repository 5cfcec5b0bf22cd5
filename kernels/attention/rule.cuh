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

  // The score of a query and a key with this product: -infinity where the query does not see it.
  __device__ __forceinline__ C score(C product, int query, int key) const {
    const C hidden = -static_cast<C>(__int_as_float(0x7f800000));
    if (query >= queries || key >= keys || (is_causal && key > query)) return hidden;
    product *= scale;
    if (kind == 0) return product;
    const long long at = query * mask_row + key * mask_column;
    if (kind == 1) return seen[at] ? product : hidden;
    return product + to_compute(bias[at]);
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

  // What a weight is multiplied by: bit `i` of `kept`.
  __device__ __forceinline__ C factor(unsigned kept, int i) const {
    return keep < 1.0f ? (kept >> i & 1 ? gain : C(0)) : C(1);
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
