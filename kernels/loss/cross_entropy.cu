// Cross-entropy and negative log-likelihood. Launched by gpunn/ops/loss/classification.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256, 512
#include "bounds.cuh"
#include "lines.cuh"

using C = accumulate_t<T>;

// What one line of scores weighs: its label (-1: it counts for nothing), weight[label], and whether
// the label was out of bounds.
struct Label {
  long long index;
  double weight;
  bool is_wrong;
};

__device__ __forceinline__ Label label_of(const long long* target, const T* weight, bool has_weight,
                                          long long line, long long classes, long long ignore_index,
                                          unsigned long long* faults, int slot) {
  if (line < 0 || target[line] == ignore_index) return {-1, 0.0, false};
  const long long index = target[line];
  if (!is_in_bounds(index, classes, line, faults, slot)) return {-1, 0.0, true};
  return {index, has_weight ? static_cast<double>(to_compute(weight[index])) : 1.0, false};
}

// The loss of a line without its smooth part goes into rows[line], its weight into rows[lines +
// line].
__device__ __forceinline__ void store_row(double* rows, long long* labels, long long line,
                                          long long lines, const Label& label, double loss) {
  const double wrong = __longlong_as_double(0x7ff8000000000000LL);
  rows[line] = label.is_wrong ? wrong : label.index < 0 ? 0.0 : loss;
  rows[lines + line] = label.weight;
  labels[line] = label.index;
}

// Scores x (outer, classes, inner), labels target (outer, inner), lines = outer * inner:
//   rows[line] = -Σ_c share_c log p_c, p = softmax(x), share_c = weight_c * each, and at the label
//   weight_t * certain more; rows[lines + line] = weight_t; both 0 where the label is ignored.
//   labels = target, -1 where it is ignored or out of bounds (then the loss is NaN).
//   unscaled = p Σ_c share_c - share, the gradient of rows[line], if with_gradient.
// The threads of a team share a line, as in softmax.cu: x is read once for the statistics, and once
// more, from the cache, for the gradient or the smooth part.
// Bytes: 2 * lines * classes * sizeof(T) + 32 * lines.
extern "C" __global__ void __launch_bounds__(BLOCK, 512 / BLOCK)
    cross_entropy_forward(double* __restrict__ rows, long long* __restrict__ labels,
                          T* __restrict__ unscaled, const T* __restrict__ x,
                          const long long* __restrict__ target, const T* __restrict__ weight,
                          long long lines, long long classes, long long inner, int team,
                          bool has_weight, bool with_gradient, double certain, double each,
                          long long ignore_index, unsigned long long* faults, int slot) {
  const bool is_smooth = each > 0.0;
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> scores(x, line, classes, inner);
    const Line<T> gradient(unscaled, line, classes, inner);
    const Label label =
        label_of(target, weight, has_weight, line, classes, ignore_index, faults, slot);
    const C at_label = static_cast<C>(label.weight * certain);
    const Exponentials<C> e = exponentials(team, scores);
    const C log_sum = log(e.sum), factor = C(1) / e.sum;
    double all = 1.0, smooth = 0.0;  // Σ weight_c, Σ weight_c log p_c
    if (is_smooth) {
      double sum = 0.0;
      all = 0.0;
#pragma unroll 1
      for (long long c = team.rank; c < classes && line >= 0; c += team.size) {
        const C w = has_weight ? to_compute(weight[c]) : C(1);
        sum += w * (to_compute(scores.start[c * inner]) - e.maximum - log_sum);
        all += w;
      }
      smooth = team.sum(sum);
      all = team.sum(all);
    }
    if (team.rank == 0 && line >= 0) {
      double loss = -each * smooth;
      if (label.index >= 0) {
        const C score = to_compute(scores.start[label.index * inner]);
        loss -= at_label * (score - e.maximum - log_sum);
      }
      store_row(rows, labels, line, lines, label, loss);
    }
    if (!with_gradient) return;
    const bool counts = label.index >= 0;
    const C total = at_label + (is_smooth ? static_cast<C>(each * all) : C(0));
#pragma unroll 1
    for (long long group = team.rank; group < scores.groups(); group += team.size) {
      auto values = load_group(scores, group, C(0));
#pragma unroll
      for (int k = 0; k < scores.GROUP; ++k) {
        const long long c = group * scores.GROUP + k;
        C share = c == label.index ? at_label : C(0);
        if (is_smooth && c < classes) {
          share += static_cast<C>(each) * (has_weight ? to_compute(weight[c]) : C(1));
        }
        const C slope = exp(values.at[k] - e.maximum) * factor * total - share;
        values.at[k] = counts ? slope : C(0);
      }
      store_group(gradient, group, values);
    }
  });
}

// dx = unscaled * grad[0] * factor[0], n elements. A thread takes 16 bytes at a time.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    scale_all(T* __restrict__ dx, const T* __restrict__ unscaled, const T* __restrict__ grad,
              const double* __restrict__ factor, long long n) {
  const C scale = static_cast<C>(to_compute(grad[0]) * factor[0]);
  map(n, dx, [scale](C slope) { return slope * scale; }, unscaled);
}

// dx = unscaled * grad of the line, (outer, classes, inner) both; grad (outer, inner).
// Bytes: 2 * lines * classes * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    scale_lines(T* __restrict__ dx, const T* __restrict__ unscaled, const T* __restrict__ grad,
                long long lines, long long classes, long long inner, int team) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> from(unscaled, line, classes, inner);
    const Line<T> to(dx, line, classes, inner);
    const C scale = line < 0 ? C(0) : to_compute(grad[line]);
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      auto values = load_group(from, group, C(0));
#pragma unroll
      for (C& value : values.at) value *= scale;
      store_group(to, group, values);
    }
  });
}

// rows and labels as in cross_entropy_forward without smoothing, for log-probabilities logp (outer,
// classes, inner). A thread for each line.
// Bytes: lines * (2 * sizeof(T) + 32).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    nll_forward(double* __restrict__ rows, long long* __restrict__ labels,
                const T* __restrict__ logp, const long long* __restrict__ target,
                const T* __restrict__ weight, long long lines, long long classes, long long inner,
                bool has_weight, long long ignore_index, unsigned long long* faults, int slot) {
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long line = thread_index(); line < lines; line += thread_count()) {
    const Line<const T> scores(logp, line, classes, inner);
    const Label label =
        label_of(target, weight, has_weight, line, classes, ignore_index, faults, slot);
    double loss = 0.0;
    if (label.index >= 0) loss = -label.weight * to_compute(scores.start[label.index * inner]);
    store_row(rows, labels, line, lines, label, loss);
  }
}

// dx = -weight[label] * grad * factor[0] at the label of each line; dx (outer, classes, inner) is 0
// before, and stays so elsewhere. grad is one number, or (outer, inner) without factor if `each`. A
// thread for each line.
// Bytes: lines * (2 * sizeof(T) + 8).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    nll_backward(T* __restrict__ dx, const long long* __restrict__ labels,
                 const T* __restrict__ weight, const T* __restrict__ grad,
                 const double* __restrict__ factor, long long lines, long long classes,
                 long long inner, bool has_weight, bool each) {
#pragma unroll 1
  for (long long line = thread_index(); line < lines; line += thread_count()) {
    const long long label = labels[line];
    if (label < 0) continue;
    double slope = each ? to_compute(grad[line]) : to_compute(grad[0]) * factor[0];
    if (has_weight) slope *= to_compute(weight[label]);
    const Line<T> slopes(dx, line, classes, inner);
    slopes.start[label * inner] = from_compute<T>(static_cast<C>(-slope));
  }
}
