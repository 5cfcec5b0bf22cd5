// Segments of equal keys in a sorted row of keys, the chunks that they are cut into, and what rows
// of a segment are combined by. T is the type of an element, A that of a result on the way.
#pragma once
#include "indexing/places.cuh"
#include "reduce.cuh"

constexpr int CHUNK = 64;  // keys; gpunn/ops/indexing/rows_cuda.py has the same

template <class X>
__device__ __forceinline__ A to_total(X x) {
  return static_cast<A>(x);
}
__device__ __forceinline__ A to_total(__half x) { return static_cast<A>(__half2float(x)); }
__device__ __forceinline__ A to_total(__nv_bfloat16 x) {
  return static_cast<A>(__bfloat162float(x));
}

template <class X>
struct FromTotal {
  static __device__ __forceinline__ X of(A total) { return static_cast<X>(total); }
};
template <>
struct FromTotal<__half> {
  static __device__ __forceinline__ __half of(A total) {
    return __float2half_rn(static_cast<float>(total));
  }
};
template <>
struct FromTotal<__nv_bfloat16> {
  static __device__ __forceinline__ __nv_bfloat16 of(A total) {
    return __float2bfloat16_rn(static_cast<float>(total));
  }
};
__device__ __forceinline__ T from_total(A total) { return FromTotal<T>::of(total); }

// The number that is greater (of sign 1) or smaller (-1) than all others.
template <class X>
__device__ __forceinline__ X extreme(int sign) {
  return static_cast<X>(sign) * static_cast<X>(__int_as_float(0x7f800000));
}
template <>
__device__ __forceinline__ long long extreme<long long>(int sign) {
  return sign > 0 ? 0x7fffffffffffffffLL : -0x7fffffffffffffffLL - 1;
}

// What rows are combined by; NONE changes nothing.
struct Sum {
  const A NONE = 0;
  __device__ __forceinline__ A operator()(A a, A b) const { return a + b; }
};
struct Product {
  const A NONE = 1;
  __device__ __forceinline__ A operator()(A a, A b) const { return a * b; }
};
struct Maximum {
  const A NONE = extreme<A>(-1);
  __device__ __forceinline__ A operator()(A a, A b) const { return merge::Greater()(a, b); }
};
struct Minimum {
  const A NONE = extreme<A>(1);
  __device__ __forceinline__ A operator()(A a, A b) const { return merge::Smaller()(a, b); }
};

// Calls body with the operation that `how` names.
template <class F>
__device__ __forceinline__ void with_operation(int how, F body) {
  if (how == 0) body(Sum());
  if (how == 1) body(Product());
  if (how == 2) body(Maximum());
  if (how == 3) body(Minimum());
}

// The position after the last `key`, which stands at p.
__device__ __forceinline__ long long end_of(const long long* sorted, long long p, long long count,
                                            long long key) {
  long long low = p + 1, high = count;  // the end is in [low, high]
  while (low < high) {
    const long long middle = low + (high - low) / 2;
    if (sorted[middle] == key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The position of the first `key`, of which one stands at p.
__device__ __forceinline__ long long begin_of(const long long* sorted, long long p, long long key) {
  long long low = 0, high = p;  // the begin is in [low, high]
  while (low < high) {
    const long long middle = low + (high - low) / 2;
    if (sorted[middle] == key) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// The chunk that begins at a position, if one does. Its keys end before `limit`, or where another
// key begins.
struct Chunk {
  bool is_there, is_first, is_alone;
  long long limit;
};

// A segment is cut every CHUNK keys from its first one, so that the order of a sum depends on the
// length of the segment alone; the last chunk takes what remains, up to 2 * CHUNK - 1 keys. So cut
// segments have chunks of CHUNK keys or more, and no two of these begin in the same CHUNK
// positions.
__device__ __forceinline__ Chunk chunk_at(const long long* sorted, long long count, long long p,
                                          long long key) {
  if (key < 0) return {false, false, false, 0};
  const bool is_first = p == 0 || sorted[p - 1] != key;
  if (!is_first) {
    const bool is_long = p >= CHUNK && p + CHUNK <= count && sorted[p - CHUNK] == key &&
                         sorted[p + CHUNK - 1] == key;
    if (!is_long || (p - begin_of(sorted, p, key)) % CHUNK != 0) return {false, false, false, 0};
  }
  const bool is_last = p + 2 * CHUNK > count || sorted[p + 2 * CHUNK - 1] != key;
  return {true, is_first, is_first && is_last, is_last ? count : p + CHUNK};
}
