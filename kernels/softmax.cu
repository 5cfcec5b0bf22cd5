// Softmax and its logarithm, forward and backward. Launched by gpunn/ops/softmax.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256, 512
#include "lines.cuh"

using C = accumulate_t<T>;

// y = exp(x - m) / Σ exp(x - m) along the middle axis of (outer, length, inner), m the maximum; or
// its logarithm, x - m - log Σ exp(x - m). lines = outer * inner. The threads of a team (with_team)
// share a line, read it once for m and the sum, and once more, from the cache, to write y.
// Bytes: 2 * lines * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    softmax_forward(T* __restrict__ y, const T* __restrict__ x, long long lines, long long length,
                    long long inner, bool is_log, int team) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> from(x, line, length, inner);
    const Line<T> to(y, line, length, inner);
    const Exponentials<C> e = exponentials(team, from);
    const C log_sum = log(e.sum), factor = C(1) / e.sum;
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      auto values = load_group(from, group, C(0));
#pragma unroll
      for (C& value : values.at) {
        value -= e.maximum;
        value = is_log ? value - log_sum : exp(value) * factor;
      }
      store_group(to, group, values);
    }
  });
}

// dx = (dy - Σ dy y) y for y = softmax(x), or dy - exp(y) Σ dy for its logarithm, along the middle
// axis of (outer, length, inner). lines = outer * inner. Threads as in the forward.
// Bytes: 3 * lines * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    softmax_backward(T* __restrict__ dx, const T* __restrict__ y, const T* __restrict__ dy,
                     long long lines, long long length, long long inner, bool is_log, int team) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> gradient(dy, line, length, inner), output(y, line, length, inner);
    const Line<T> to(dx, line, length, inner);
    double sum = 0;
#pragma unroll 1
    for (long long group = team.rank; group < to.groups(); group += team.size) {
      const auto g = load_group(gradient, group, C(0)), out = load_group(output, group, C(0));
      C partial = 0;
#pragma unroll
      for (int k = 0; k < to.GROUP; ++k) partial += is_log ? g.at[k] : g.at[k] * out.at[k];
      sum += partial;
    }
    const C total = static_cast<C>(team.sum(sum));
#pragma unroll 1
    for (long long group = team.rank; group < to.groups(); group += team.size) {
      auto g = load_group(gradient, group, C(0));
      const auto out = load_group(output, group, C(0));
#pragma unroll
      for (int k = 0; k < to.GROUP; ++k) {
        g.at[k] = is_log ? g.at[k] - exp(out.at[k]) * total : (g.at[k] - total) * out.at[k];
      }
      store_group(to, group, g);
    }
  });
}
