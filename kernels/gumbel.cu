// Samples of softmax by noise of Gumbel's distribution. Launched by gpunn/ops/gumbel.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256, 512
#include "lines.cuh"
#include "random.cuh"

using C = accumulate_t<T>;

// y = (x - log(-log u)) / tau, n elements; u of the `stream` from block `offset` on, half a step
// more than a uniform number in [0, 1), and never 1. A thread takes the elements of one block.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gumbel_scores(T* __restrict__ y, const T* __restrict__ x, double tau,
                  const unsigned long long* __restrict__ stream, unsigned long long offset,
                  long long n) {
  constexpr int LENGTH = Draws<C>::LENGTH;
  constexpr C STEP = C(1) / C(1ull << Digits<C>::COUNT), HALF = STEP / C(2);
  for (long long b = thread_index(); b * LENGTH < n; b += thread_count()) {
    const Draws<C> draws = uniform_draws<C>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const long long i = b * LENGTH + k;
      if (i >= n) break;
      const C middle = draws.at[k] + HALF, u = middle < C(1) ? middle : C(1) - STEP;
      y[i] = from_compute<T>((to_compute(x[i]) - log(-log(u))) / static_cast<C>(tau));
    }
  }
}

// y = 1 at the first largest number of each line of x (outer, length, inner), else 0; NaN counts as
// largest. lines = outer * inner. The threads of a team (with_team) share a line.
// Bytes: 2 * lines * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    largest_as_one(T* __restrict__ y, const T* __restrict__ x, long long lines, long long length,
                   long long inner, int team) {
  const C infinity = C(__int_as_float(0x7f800000));
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> from(x, line, length, inner);
    const Line<T> to(y, line, length, inner);
    C best = -infinity;
    long long place = length;
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      const auto values = load_group(from, group, -infinity);
#pragma unroll
      for (int k = 0; k < from.GROUP; ++k) {
        const C value = is_nan(values.at[k]) ? infinity : values.at[k];
        if (value > best || place == length) place = group * from.GROUP + k;
        best = value > best ? value : best;
      }
    }
    const C largest = team.max(best);
    const long long first = -team.max(best == largest ? -place : -length);
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      Group<C, Line<T>::GROUP> values;
#pragma unroll
      for (int k = 0; k < from.GROUP; ++k) values.at[k] = C(group * from.GROUP + k == first);
      store_group(to, group, values);
    }
  });
}
