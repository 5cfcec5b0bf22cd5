// Cross-entropy against probabilities. Launched by gpunn/ops/loss/soft_targets.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256, 512
#include "lines.cuh"

using C = accumulate_t<T>;
using Numbers = Group<C, Line<T>::GROUP>;

// Group number `group` of the shares of a line: weight_c (target_c certain + each), 0 beyond its
// end.
__device__ __forceinline__ Numbers shares_of(const Line<const T>& target, long long group,
                                             const T* weight, bool has_weight, C certain, C each) {
  Numbers share = load_group(target, group, C(0));
#pragma unroll
  for (int k = 0; k < target.GROUP; ++k) {
    const long long c = group * target.GROUP + k;
    C value = share.at[k] * certain + each;
    if (has_weight && c < target.length) value *= to_compute(weight[c]);
    share.at[k] = c < target.length ? value : C(0);
  }
  return share;
}

// Scores x and probabilities target, both (outer, classes, inner), lines = outer * inner:
//   rows[line] = -Σ_c share_c log p_c, p = softmax(x); rows[lines + line] = 1;
//   unscaled = p Σ_c share_c - share, the gradient of rows[line] with respect to x, if
//   with_gradient.
// The threads of a team share a line, as in softmax.cu.
// Bytes: 3 * lines * classes * sizeof(T) + 16 * lines.
extern "C" __global__ void __launch_bounds__(BLOCK, 512 / BLOCK)
    soft_forward(double* __restrict__ rows, T* __restrict__ unscaled, const T* __restrict__ x,
                 const T* __restrict__ target, const T* __restrict__ weight, long long lines,
                 long long classes, long long inner, int team, bool has_weight, bool with_gradient,
                 double certain, double each) {
  const C sure = static_cast<C>(certain), rest = static_cast<C>(each);
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> scores(x, line, classes, inner), wanted(target, line, classes, inner);
    const Line<T> gradient(unscaled, line, classes, inner);
    const Exponentials<C> e = exponentials(team, scores);
    const C log_sum = log(e.sum), factor = C(1) / e.sum;
    double loss = 0.0, all = 0.0;  // Σ share_c log p_c, Σ share_c
#pragma unroll 1
    for (long long group = team.rank; group < scores.groups(); group += team.size) {
      const auto values = load_group(scores, group, e.maximum);
      const Numbers share = shares_of(wanted, group, weight, has_weight, sure, rest);
      C partial = 0, sum = 0;
#pragma unroll
      for (int k = 0; k < scores.GROUP; ++k) {
        if (group * scores.GROUP + k >= scores.length) break;
        partial += share.at[k] * (values.at[k] - e.maximum - log_sum);
        sum += share.at[k];
      }
      loss += partial;
      all += sum;
    }
    loss = team.sum(loss);
    const C total = static_cast<C>(team.sum(all));
    if (team.rank == 0 && line >= 0) {
      rows[line] = -loss;
      rows[lines + line] = 1.0;
    }
    if (!with_gradient) return;
#pragma unroll 1
    for (long long group = team.rank; group < scores.groups(); group += team.size) {
      auto values = load_group(scores, group, C(0));
      const Numbers share = shares_of(wanted, group, weight, has_weight, sure, rest);
#pragma unroll
      for (int k = 0; k < scores.GROUP; ++k) {
        values.at[k] = exp(values.at[k] - e.maximum) * factor * total - share.at[k];
      }
      store_group(gradient, group, values);
    }
  });
}
