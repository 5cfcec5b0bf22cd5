// A step of an optimizer for all parameters of a dtype. Twin: gpunn/optim/one_launch.py.
#pragma once
#include "optimizer/pieces.cuh"

using C = accumulate_t<T>;

// A record holds what the parameters of a set have in common: up to three numbers that a step
// changes, then the options that every optimizer has, then its own from OWN on.
constexpr int COLUMNS = 16;
enum Column { STEP, SECOND, THIRD, RATE, DECAY, MAXIMIZE, OWN };

// What every rule begins with: the gradient that is descended.
struct Direction {
  C decay, sign;

  static __device__ __forceinline__ Direction of(const double* record) {
    return {static_cast<C>(record[DECAY]), record[MAXIMIZE] != 0.0 ? C(-1) : C(1)};
  }
  __device__ __forceinline__ C operator()(C p, C g) const {
    g *= sign;
    return decay != C(0) ? g + decay * p : g;
  }
};

// Where a piece lies: the parameter, its gradient, and its states; null for one it does not have.
struct Place {
  T* p;
  const T* g;
  T* states[3];
};

// p and the states of `length` elements by `rule`, by the whole block.
template <class Rule>
__device__ __forceinline__ void update(const Rule& rule, const Place& at, int length) {
  const bool is_vector = are_aligned(at.p, at.g, at.states[0], at.states[1], at.states[2]);
  for (int i = threadIdx.x * GROUP; i < length; i += BLOCK * GROUP) {
    C p[GROUP], g[GROUP], s[3][GROUP] = {};
    load_some(p, at.p + i, length - i, is_vector);
    load_some(g, at.g + i, length - i, is_vector);
#pragma unroll
    for (int n = 0; n < Rule::STATES; ++n) {
      if (at.states[n]) load_some(s[n], at.states[n] + i, length - i, is_vector);
    }
#pragma unroll
    for (int k = 0; k < GROUP; ++k) rule(p[k], g[k], s[0][k], s[1][k], s[2][k]);
    store_some(at.p + i, p, length - i, is_vector);
#pragma unroll
    for (int n = 0; n < Rule::STATES; ++n) {
      if (at.states[n]) store_some(at.states[n] + i, s[n], length - i, is_vector);
    }
  }
}

// The step of all parameters. addresses (5, arrays): those of gradients, parameters and states;
// sets (arrays): the row of `records` for each. The block that is last to end finds nobody reading
// the records, moves them on to the next step, and leaves done[0] at 0. Nothing is done at all if
// done[1] is not 0: the gradients of a captured step with a scaled loss are not finite.
template <class Rule>
__device__ __forceinline__ void step_all(T* const* addresses, double* records, unsigned* done,
                                         const long long* sizes, const int* sets, const int* pieces,
                                         long long arrays, long long count, int records_count) {
  __shared__ Rule shared_rule;
  if (done[1] != 0) return;
  const Pieces work{sizes, pieces};
  int known = -1;
  for (long long c = blockIdx.x; c < count; c += gridDim.x) {
    const int array = work.array(c), set = sets[array];
    if (set != known) {
      __syncthreads();  // the others have read the rule before
      if (threadIdx.x == 0) shared_rule = Rule::of(records + set * COLUMNS);
      __syncthreads();
      known = set;
    }
    const Rule rule = shared_rule;
    const long long start = work.start(c);
    Place at{addresses[arrays + array] + start, addresses[array] + start, {}};
#pragma unroll
    for (int n = 0; n < Rule::STATES; ++n) {
      T* state = addresses[(2 + n) * arrays + array];
      at.states[n] = state ? state + start : nullptr;
    }
    update(rule, at, work.length(c));
  }
  if (threadIdx.x != 0) return;
  __threadfence();
  if (atomicAdd(done, 1u) != gridDim.x - 1) return;
  __threadfence();
  for (int set = 0; set < records_count; ++set) Rule::advance(records + set * COLUMNS);
  atomicExch(done, 0u);
}
