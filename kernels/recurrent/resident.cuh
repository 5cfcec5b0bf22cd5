// Layers whose weights stay in shared memory for all steps: the order of the steps, and products of
// vectors. SPLIT threads share a sum: each takes every SPLIT-th four of the elements, and their
// sums are added in a fixed order.
#pragma once
#include "ptx.cuh"
#include "reduce.cuh"

constexpr int SPLIT = 8;
constexpr int MOST_ROWS = 4;  // of which a thread adds products at a time

// Four elements, moved by one instruction.
template <class X>
struct Four {
  X at[4];
};
template <int BYTES>
struct Word {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};
template <class X>
__device__ __forceinline__ Four<X> load_four(const X* source) {
  const auto bits = *reinterpret_cast<const typename Word<sizeof(Four<X>)>::type*>(source);
  Four<X> four;
  memcpy(&four, &bits, sizeof(bits));
  return four;
}

// A length with the zeros that end a row of weights.
__device__ __forceinline__ int padded(int length) {
  return (length + SPLIT * 4 - 1) / (SPLIT * 4) * (SPLIT * 4);
}

// The rows of a step.
struct Rows {
  long long start, count;
};

struct Steps {
  const long long* starts;  // (number + 1): the first row of each step
  bool is_reverse;          // the last step is done first
  int number;
};

// The rows of the step that is done after `done` others; none outside.
__device__ __forceinline__ Rows rows_of(const Steps& steps, int done) {
  if (done < 0 || done >= steps.number) return {0, 0};
  const int t = steps.is_reverse ? steps.number - 1 - done : done;
  return {steps.starts[t], steps.starts[t + 1] - steps.starts[t]};
}

// Adds this thread's part of the products of N vectors x with G rows of weights, `apart` elements
// from each other. by_four: the vectors may be read four at a time.
template <int N, int G, class X>
__device__ __forceinline__ void add_products(accumulate_t<X> (&sums)[N][G], const X* weights,
                                             int apart, const X* const (&x)[N], int length,
                                             bool by_four) {
  for (int k = threadIdx.x % SPLIT * 4; k < length; k += SPLIT * 4) {
    Four<X> w[G];
#pragma unroll
    for (int g = 0; g < G; ++g) w[g] = load_four(weights + g * apart + k);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      Four<X> v;
      if (by_four) {
        v = load_four(x[j] + k);
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) v.at[e] = k + e < length ? x[j][k + e] : from_compute<X>(0.0f);
      }
#pragma unroll
      for (int g = 0; g < G; ++g)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sums[j][g] = fma(to_compute(v.at[e]), to_compute(w[g].at[e]), sums[j][g]);
    }
  }
}

// The whole sums of that vector of the N whose number is the place of this thread among the SPLIT.
template <int N, int G, class C>
__device__ __forceinline__ void whole_sums(C (&mine)[G], const C (&sums)[N][G]) {
#pragma unroll
  for (int j = 0; j < N; ++j)
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const C sum = warp_sum<SPLIT>(sums[j][g]);
      if (j == threadIdx.x % SPLIT) mine[g] = sum;
    }
}
