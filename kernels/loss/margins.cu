// Losses of rows with a margin between classes. Launched by gpunn/ops/loss/rows.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "bounds.cuh"
#include "lines.cuh"

using C = accumulate_t<T>;

// What a class adds to the loss of its row, z^p with z = margin - score of the label + own score,
// and its slope; 0 where z is not positive.
struct Rest {
  C value, slope;
};
__device__ __forceinline__ Rest rest_of(C z, bool is_squared) {
  if (!(z > C(0)) && !is_nan(z)) return {C(0), C(0)};
  return is_squared ? Rest{z * z, C(2) * z} : Rest{z, is_nan(z) ? C(0) : C(1)};
}

// Scores x (lines, classes), a label for each line:
//   rows[line] = weight[label] Σ_c (margin - x[label] + x[c])^p / classes over the other classes c
//   of which that is positive, p = 2 if is_squared, else 1; NaN if the label is out of bounds;
//   rows[lines + line] = 1; unscaled = the gradient of rows[line], if with_gradient.
// The threads of a team (with_team) share a line.
// Bytes: 2 * lines * classes * sizeof(T) + 24 * lines.
extern "C" __global__ void __launch_bounds__(BLOCK)
    multi_margin_forward(double* __restrict__ rows, T* __restrict__ unscaled,
                         const T* __restrict__ x, const long long* __restrict__ target,
                         const T* __restrict__ weight, long long lines, long long classes, int team,
                         bool is_squared, bool has_weight, bool with_gradient, double margin,
                         unsigned long long* faults, int slot) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> scores(x, line, classes, 1);
    const Line<T> gradient(unscaled, line, classes, 1);
    const long long label = line < 0 ? 0 : target[line];
    const bool is_right = line >= 0 && is_in_bounds(label, classes, line, faults, slot);
    const C base = is_right ? static_cast<C>(margin) - to_compute(scores.start[label]) : C(0);
    const C factor = (is_right && has_weight ? to_compute(weight[label]) : C(1)) / C(classes);
    double loss = 0.0, slopes = 0.0;
#pragma unroll 1
    for (long long group = team.rank; group < scores.groups(); group += team.size) {
      const auto values = load_group(scores, group, C(0));
#pragma unroll
      for (int k = 0; k < scores.GROUP; ++k) {
        const long long c = group * scores.GROUP + k;
        if (c >= classes || c == label) continue;
        const Rest rest = rest_of(base + values.at[k], is_squared);
        loss += rest.value;
        slopes += rest.slope;
      }
    }
    loss = team.sum(loss);
    const C all = static_cast<C>(team.sum(slopes));
    if (team.rank == 0 && line >= 0) {
      rows[line] = is_right ? loss * factor : __longlong_as_double(0x7ff8000000000000LL);
      rows[lines + line] = 1.0;
    }
    if (!with_gradient) return;
#pragma unroll 1
    for (long long group = team.rank; group < scores.groups(); group += team.size) {
      auto values = load_group(scores, group, C(0));
#pragma unroll
      for (int k = 0; k < scores.GROUP; ++k) {
        const long long c = group * scores.GROUP + k;
        const C slope = c == label ? -all : rest_of(base + values.at[k], is_squared).slope;
        values.at[k] = is_right ? slope * factor : C(0);
      }
      store_group(gradient, group, values);
    }
  });
}

// counts[line, c] = how many of the labels of a line are c; a line has `classes` places, and its
// labels end before the first negative one. Labels that are too large count for nothing and are
// noted. A thread for each class of each line.
// Bytes: 12 * lines * classes.
extern "C" __global__ void __launch_bounds__(BLOCK)
    count_labels(int* __restrict__ counts, const long long* __restrict__ target, long long lines,
                 long long classes, unsigned long long* faults, int slot) {
  for (long long i = thread_index(); i < lines * classes; i += thread_count()) {
    const long long first = i / classes * classes, c = i - first;
    int count = 0;
#pragma unroll 1
    for (long long place = first; place < first + classes && target[place] >= 0; ++place) {
      count += target[place] == c;
      if (place == i) is_in_bounds(target[place], classes, place, faults, slot);
    }
    counts[i] = count;
  }
}

// Scores x (lines, classes) and counts of labels of that shape:
//   rows[line] = Σ count[t] max(0, 1 - x[t] + x[c]) / classes over all labels t and all classes c
//   that are none; rows[lines + line] = 1;
//   unscaled = the gradient of rows[line], if with_gradient.
// The threads of a team (with_team) share a line, each takes every size-th class and looks at all.
// Bytes: 2 * lines * classes * sizeof(T) + 4 * lines * classes.
extern "C" __global__ void __launch_bounds__(BLOCK)
    multilabel_margin_forward(double* __restrict__ rows, T* __restrict__ unscaled,
                              const T* __restrict__ x, const int* __restrict__ counts,
                              long long lines, long long classes, int team, bool with_gradient) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const long long first = line < 0 ? 0 : line * classes;
    double loss = 0.0;
#pragma unroll 1
    for (long long c = team.rank; c < classes && line >= 0; c += team.size) {
      const C own = to_compute(x[first + c]);
      const int count = counts[first + c];
      double sum = 0.0, slopes = 0.0;
#pragma unroll 1
      for (long long other = 0; other < classes; ++other) {
        const int others = counts[first + other];
        if ((count == 0) == (others == 0)) continue;
        const C difference = own - to_compute(x[first + other]);
        const Rest rest = rest_of(C(1) + (count == 0 ? difference : -difference), false);
        if (count == 0) sum += static_cast<double>(rest.value) * others;
        slopes += count == 0 ? rest.slope * C(others) : -rest.slope * C(count);
      }
      loss += sum;
      if (with_gradient) unscaled[first + c] = from_compute<T>(static_cast<C>(slopes) / C(classes));
    }
    loss = team.sum(loss);
    if (team.rank != 0 || line < 0) return;
    rows[line] = loss / static_cast<double>(classes);
    rows[lines + line] = 1.0;
  });
}
