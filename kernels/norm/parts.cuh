// What the norms share: pieces of an array, moments and sums of a warp or a block, places in an
// array that is cut into statistics and channels. See gpunn/ops/norm/cut.py for the letters.
#pragma once
#include "common.cuh"

constexpr int WARP = 32;
constexpr int DEEP = 8;  // threads below each other in a tile of columns

// i / d. A division in 64 bits takes five times as long as one in 32.
__device__ __forceinline__ long long quotient(long long i, long long d) {
  if ((i | d) >> 32) return i / d;
  return static_cast<unsigned int>(i) / static_cast<unsigned int>(d);
}

template <class A>
__device__ __forceinline__ bool is_finite(A x) {
  return x - x == A(0);
}

// x[0], …, x[count - 1] as numbers to compute with, 0 in the rest of N; 16 bytes at a time if
// `is_vector`.
template <int N, class X, class A>
__device__ __forceinline__ void load(A (&out)[N], const X* x, int count, bool is_vector) {
  constexpr int LENGTH = Vector<X>::LENGTH;
  if (is_vector && count == N && N % LENGTH == 0) {
#pragma unroll
    for (int v = 0; v < N / LENGTH; ++v) {
      const Vector<X> vector = load_vector(x + v * LENGTH);
#pragma unroll
      for (int k = 0; k < LENGTH; ++k) out[v * LENGTH + k] = to_compute(vector.at[k]);
    }
    return;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] = k < count ? A(to_compute(x[k])) : A(0);
}

template <int N, class X, class A>
__device__ __forceinline__ void store(X* y, const A (&values)[N], int count, bool is_vector) {
  constexpr int LENGTH = Vector<X>::LENGTH;
  if (is_vector && count == N && N % LENGTH == 0) {
#pragma unroll
    for (int v = 0; v < N / LENGTH; ++v) {
      Vector<X> vector;
#pragma unroll
      for (int k = 0; k < LENGTH; ++k) vector.at[k] = from_compute<X>(values[v * LENGTH + k]);
      store_vector(y + v * LENGTH, vector);
    }
    return;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (k < count) y[k] = from_compute<X>(values[k]);
  }
}

// The value of each of the places j, j + 1, …, j + count - 1, where `span` neighbours have one
// value, and there are `length` values; 1 for places after the last.
template <int N, class X, class A>
__device__ __forceinline__ void load_spread(A (&out)[N], const X* values, long long j,
                                            long long span, int count) {
  if (span == 1) {
    load(out, values + j, count, are_aligned(values + j));
    return;
  }
  long long c = quotient(j, span), s = j - c * span;
  A value = to_compute(values[c]);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (s == span && k < count) {
      s = 0;
      value = to_compute(values[++c]);
    }
    out[k] = value;
    ++s;
  }
}

// The bits of `mask` for the elements i, …, i + N - 1: there is a byte for each 16 bytes of T.
template <int LENGTH, int N>
__device__ __forceinline__ void apply_mask(float (&g)[N], const unsigned char* mask, long long i,
                                           int count) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (k < count && !(mask[(i + k) / LENGTH] >> ((i + k) % LENGTH) & 1)) g[k] = 0;
  }
}
template <int LENGTH, int N>
__device__ __forceinline__ void apply_mask(double (&g)[N], const unsigned char* mask, long long i,
                                           int count) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (k < count && !(mask[(i + k) / LENGTH] >> ((i + k) % LENGTH) & 1)) g[k] = 0;
  }
}

// Count, mean and Σ (x - mean)² of some values.
struct Moments {
  double count, mean, squares;
};

// Those of both together. Source: Chan, Golub, LeVeque, Updating formulae, 1979, eq. 2.1.
__device__ __forceinline__ Moments merged(const Moments& a, const Moments& b) {
  if (b.count == 0) return a;
  if (a.count == 0) return b;
  const double count = a.count + b.count, delta = b.mean - a.mean, share = b.count / count;
  return {count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
}

__device__ __forceinline__ Moments shuffled_down(const Moments& m, int offset) {
  return {__shfl_down_sync(0xffffffffu, m.count, offset),
          __shfl_down_sync(0xffffffffu, m.mean, offset),
          __shfl_down_sync(0xffffffffu, m.squares, offset)};
}

__device__ __forceinline__ Moments from_first(const Moments& m) {
  return {__shfl_sync(0xffffffffu, m.count, 0), __shfl_sync(0xffffffffu, m.mean, 0),
          __shfl_sync(0xffffffffu, m.squares, 0)};
}

// Two sums at once: of g and of g · x̂.
struct Sums {
  double total, product;
};

__device__ __forceinline__ Sums merged(const Sums& a, const Sums& b) {
  return {a.total + b.total, a.product + b.product};
}

__device__ __forceinline__ Sums shuffled_down(const Sums& s, int offset) {
  return {__shfl_down_sync(0xffffffffu, s.total, offset),
          __shfl_down_sync(0xffffffffu, s.product, offset)};
}

__device__ __forceinline__ Sums from_first(const Sums& s) {
  return {__shfl_sync(0xffffffffu, s.total, 0), __shfl_sync(0xffffffffu, s.product, 0)};
}

// What the threads of a team have, merged in a tree of fixed shape; every thread gets it. A team is
// a warp or a whole block; all its threads come here.
template <int TEAM, class M>
__device__ __forceinline__ M team_merged(M m) {
#pragma unroll 1  // a merger divides in double: much code
  for (int offset = WARP / 2; offset > 0; offset /= 2) m = merged(m, shuffled_down(m, offset));
  if (TEAM == WARP) return from_first(m);
  __shared__ M warps[TEAM / WARP];
  __syncthreads();  // the last call's values are read
  if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = m;
  __syncthreads();
  m = warps[0];
#pragma unroll 1
  for (int w = 1; w < TEAM / WARP; ++w) m = merged(m, warps[w]);
  return m;
}

// The moments of the values that one thread meets, a few at a time: in A, but relative to the first
// of them, so that a large mean costs no digits.
template <class A>
struct Gathered {
  A shift = 0, count = 0, mean = 0, squares = 0;

  template <int N>
  __device__ __forceinline__ void add(const A (&values)[N], int used) {
    if (used <= 0) return;
    if (count == A(0)) shift = values[0];
    A sum = 0, spread = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) sum += k < used ? values[k] - shift : A(0);
    const A n = A(used), average = sum / n;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const A d = values[k] - shift - average;
      spread += k < used ? d * d : A(0);
    }
    const A all = count + n, delta = average - mean;
    mean += delta * (n / all);
    squares += spread + delta * delta * (count * (n / all));
    count = all;
  }

  __device__ __forceinline__ Moments moments() const {
    return {double(count), double(shift) + double(mean), double(squares)};
  }
};

constexpr int CENTERED = 0;          // (x - mean) / √(var + eps)
constexpr int ROOT_MEAN_SQUARE = 1;  // x / √(mean(x²) + eps)
constexpr int UNIT = 2;              // x / max(√Σx², eps)

// x̂ = (x - center - rest) · scale of a statistic; the mean in two parts, as it has more digits than
// C.
template <class C>
struct Scaling {
  C center, rest, scale;
};

template <class C>
__device__ __forceinline__ Scaling<C> scaling(const Moments& m, int kind, double eps) {
  if (kind == CENTERED) {
    const C center = C(m.mean);
    return {center, C(m.mean - double(center)), C(1 / sqrt(m.squares / m.count + eps))};
  }
  const double squares = m.squares + m.count * m.mean * m.mean;
  if (kind == ROOT_MEAN_SQUARE) return {C(0), C(0), C(1 / sqrt(squares / m.count + eps))};
  const double length = sqrt(squares);
  return {C(0), C(0), C(1 / (length < eps ? eps : length))};
}

// Slope and offset of dx = scale · weight · g + slope · x̂ + offset, for sums of weight · g and of
// weight · g · x̂ over `count` elements.
template <class C>
__device__ __forceinline__ void gradient_line(C& slope, C& offset, const Sums& s, C scale,
                                              double count, int kind, double eps) {
  const double share = kind == UNIT ? double(scale) : double(scale) / count;
  const bool is_constant = kind == UNIT && eps > 0 && scale >= C(1 / eps);  // shorter than eps
  slope = is_constant ? C(0) : C(-share * s.product);
  offset = kind == CENTERED ? C(-share * s.total) : C(0);
}
