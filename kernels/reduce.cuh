// Reductions and scans over the threads of a warp or a block. Every thread gets the same bits, and
// the order depends on the number of threads alone. All threads of the warp or block must take
// part; a block has a multiple of 32 threads, 1,024 at most. May be called again at once.
#pragma once
#include "common.cuh"

constexpr unsigned WHOLE_WARP = 0xffffffffu;

// The value of another lane. A value is any struct of a multiple of 4 bytes.
template <class V>
__device__ __forceinline__ V from_lane(V value, int lane) {
  static_assert(sizeof(V) % 4 == 0, "a value of whole words");
  unsigned words[sizeof(V) / 4];
  memcpy(words, &value, sizeof(V));
#pragma unroll
  for (unsigned k = 0; k < sizeof(V) / 4; ++k) words[k] = __shfl_sync(WHOLE_WARP, words[k], lane);
  memcpy(&value, words, sizeof(V));
  return value;
}

// f(f(v0, v1), f(v2, v3)), ... over groups of WIDTH lanes. Order: neighbours, then neighbouring
// pairs, and so on; the lower lanes are the first argument.
template <int WIDTH = 32, class V, class F>
__device__ __forceinline__ V warp_reduce(V value, F f) {
#pragma unroll
  for (int distance = 1; distance < WIDTH; distance *= 2) {
    const int lane = threadIdx.x % 32;
    const V other = from_lane(value, lane ^ distance);
    value = lane & distance ? f(other, value) : f(value, other);
  }
  return value;
}

// Order: that of warp_reduce within the warps, then the same over the warps.
template <class V, class F>
__device__ __forceinline__ V block_reduce(V value, F f) {
  __shared__ V of_warp[32];
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  value = warp_reduce(value, f);
  if (warps == 1) return value;
  __syncthreads();  // the last call's values have been read
  if (lane == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  value = of_warp[lane < warps ? lane : 0];
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const V other = from_lane(value, lane ^ distance);
    if ((lane ^ distance) < warps) value = lane & distance ? f(other, value) : f(value, other);
  }
  return from_lane(value, 0);  // the one lane that always has all
}

namespace merge {

struct Add {
  template <class V>
  __device__ __forceinline__ V operator()(V a, V b) const {
    return a + b;
  }
};
// The greater or smaller number; NaN if there is one.
struct Greater {
  template <class V>
  __device__ __forceinline__ V operator()(V a, V b) const {
    return a > b || is_nan(a) ? a : b;
  }
};
struct Smaller {
  template <class V>
  __device__ __forceinline__ V operator()(V a, V b) const {
    return a < b || is_nan(a) ? a : b;
  }
};

}  // namespace merge

template <int WIDTH = 32, class V>
__device__ __forceinline__ V warp_sum(V value) {
  return warp_reduce<WIDTH>(value, merge::Add());
}
template <int WIDTH = 32, class V>
__device__ __forceinline__ V warp_max(V value) {
  return warp_reduce<WIDTH>(value, merge::Greater());
}
template <int WIDTH = 32, class V>
__device__ __forceinline__ V warp_min(V value) {
  return warp_reduce<WIDTH>(value, merge::Smaller());
}
template <class V>
__device__ __forceinline__ V block_sum(V value) {
  return block_reduce(value, merge::Add());
}
template <class V>
__device__ __forceinline__ V block_max(V value) {
  return block_reduce(value, merge::Greater());
}
template <class V>
__device__ __forceinline__ V block_min(V value) {
  return block_reduce(value, merge::Smaller());
}

// A number and where it stands.
template <class C>
struct Located {
  C value;
  long long index;
};

namespace merge {

// The one with the greater or smaller number, NaN before all; of equals the one that stands first.
struct GreaterFirst {
  template <class C>
  __device__ __forceinline__ Located<C> operator()(Located<C> a, Located<C> b) const {
    const bool equal = a.value == b.value || (is_nan(a.value) && is_nan(b.value));
    if (equal) return a.index < b.index ? a : b;
    return a.value > b.value || is_nan(a.value) ? a : b;
  }
};
struct SmallerFirst {
  template <class C>
  __device__ __forceinline__ Located<C> operator()(Located<C> a, Located<C> b) const {
    const bool equal = a.value == b.value || (is_nan(a.value) && is_nan(b.value));
    if (equal) return a.index < b.index ? a : b;
    return a.value < b.value || is_nan(a.value) ? a : b;
  }
};

}  // namespace merge

template <int WIDTH = 32, class C>
__device__ __forceinline__ Located<C> warp_argmax(Located<C> value) {
  return warp_reduce<WIDTH>(value, merge::GreaterFirst());
}
template <int WIDTH = 32, class C>
__device__ __forceinline__ Located<C> warp_argmin(Located<C> value) {
  return warp_reduce<WIDTH>(value, merge::SmallerFirst());
}
template <class C>
__device__ __forceinline__ Located<C> block_argmax(Located<C> value) {
  return block_reduce(value, merge::GreaterFirst());
}
template <class C>
__device__ __forceinline__ Located<C> block_argmin(Located<C> value) {
  return block_reduce(value, merge::SmallerFirst());
}

// Count, mean and sum of squared distances from the mean of some numbers. None: {0, 0, 0}.
template <class C>
struct Moments {
  C mean, squares;
  long long count;
};

__device__ __forceinline__ bool is_infinite(float x) { return isinf(x); }
__device__ __forceinline__ bool is_infinite(double x) { return isinf(x); }

// One number more. Source: B. Welford, Note on a method for calculating corrected sums of squares,
// Technometrics 4 (1962).
template <class C>
__device__ __forceinline__ Moments<C> with_number(Moments<C> m, C x) {
  const long long count = m.count + 1;
  const C distance = x - m.mean;
  const C mean = is_infinite(m.mean) ? m.mean + x : m.mean + distance / static_cast<C>(count);
  return {mean, m.squares + distance * (x - mean), count};
}

namespace merge {

// Both together. Source: T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample
// variance, The American Statistician 37 (1983).
struct Together {
  template <class C>
  __device__ __forceinline__ Moments<C> operator()(Moments<C> a, Moments<C> b) const {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    const long long count = a.count + b.count;
    const C distance = b.mean - a.mean;
    const C share = static_cast<C>(b.count) / static_cast<C>(count);
    const bool infinite = is_infinite(a.mean) || is_infinite(b.mean);
    const C squares = distance * distance * (static_cast<C>(a.count) * share);
    return {infinite ? a.mean + b.mean : a.mean + distance * share, a.squares + b.squares + squares,
            count};
  }
};

}  // namespace merge

template <int WIDTH = 32, class C>
__device__ __forceinline__ Moments<C> warp_moments(Moments<C> value) {
  return warp_reduce<WIDTH>(value, merge::Together());
}
template <class C>
__device__ __forceinline__ Moments<C> block_moments(Moments<C> value) {
  return block_reduce(value, merge::Together());
}

// What comes before this thread, what ends with it, and all.
template <class V>
struct Scanned {
  V before, through, total;
};

// Order: in a warp, each lane adds what ends 1, 2, 4, 8, 16 lanes before it; the warps one after
// the other. `none` is what stands before thread 0: 0 for a sum.
template <class V, class F>
__device__ __forceinline__ Scanned<V> block_scan(V value, V none, F f) {
  __shared__ V of_warp[32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const V earlier = from_lane(value, lane >= distance ? lane - distance : lane);
    if (lane >= distance) value = f(earlier, value);
  }
  __syncthreads();  // the last call's values have been read
  if (lane == 31) of_warp[warp] = value;
  __syncthreads();
  V first = none, total = none;
  for (int w = 0; w < warps; ++w) {
    if (w == warp) first = total;
    total = f(total, of_warp[w]);
  }
  const V previous = from_lane(value, lane > 0 ? lane - 1 : 0);
  return {lane > 0 ? f(first, previous) : first, f(first, value), total};
}
template <class V>
__device__ __forceinline__ Scanned<V> block_scan(V value) {
  return block_scan(value, V(), merge::Add());
}
