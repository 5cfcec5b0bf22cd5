// Cosines between lines. Launched by gpunn/ops/similarity.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256, 512
#include "lines.cuh"

using C = accumulate_t<T>;

// The sums Σ a², Σ b² and Σ a b of a thread's share of two lines, each number divided by its
// line's scale.
struct Products {
  double aa, bb, ab;
};

__device__ __forceinline__ Products products_of(const Team& team, const Line<const T>& first,
                                                const Line<const T>& second, C scale_a, C scale_b) {
  Products sums{0.0, 0.0, 0.0};
#pragma unroll 1
  for (long long group = team.rank; group < first.groups(); group += team.size) {
    const auto a = load_group(first, group, C(0)), b = load_group(second, group, C(0));
#pragma unroll
    for (int k = 0; k < first.GROUP; ++k) {
      const double x = a.at[k] / scale_a, y = b.at[k] / scale_b;
      sums.aa += x * x;
      sums.bb += y * y;
      sums.ab += x * y;
    }
  }
  return {team.sum(sums.aa), team.sum(sums.bb), team.sum(sums.ab)};
}

// The largest size of the numbers of a line; 1 if that is 0, infinite or no number.
__device__ __forceinline__ C scale_of(const Team& team, const Line<const T>& line) {
  C largest = 0;
#pragma unroll 1
  for (long long group = team.rank; group < line.groups(); group += team.size) {
    const auto values = load_group(line, group, C(0));
#pragma unroll
    for (C value : values.at) largest = abs(value) > largest ? abs(value) : largest;
  }
  largest = team.max(largest);
  return largest > C(0) && largest < C(__int_as_float(0x7f800000)) ? largest : C(1);
}

// y = a·b / (max(|a|, eps) max(|b|, eps)), |a|² = Σ a² + tiny, along the middle axis of (outer,
// length, inner); kept (3, lines) holds |a|, |b| and y. The threads of a team (with_team) share a
// line. Sums are in double, where squares of float do not leave the range; those of double are
// divided by the largest first.
// Bytes: 2 * lines * length * sizeof(T) + 24 * lines.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    cosine_forward(T* __restrict__ y, double* __restrict__ kept, const T* __restrict__ a,
                   const T* __restrict__ b, long long lines, long long length, long long inner,
                   int team, double eps, double tiny) {
  with_team(team, lines, [=](const Team& team, long long line) {
    const Line<const T> first(a, line, length, inner), second(b, line, length, inner);
    C scale_a = 1, scale_b = 1;
    if constexpr (sizeof(C) == 8) {
      scale_a = scale_of(team, first);
      scale_b = scale_of(team, second);
    }
    const Products sums = products_of(team, first, second, scale_a, scale_b);
    if (team.rank != 0 || line < 0) return;
    const double of_a =
        tiny > 0.0 ? sqrt(sums.aa * scale_a * scale_a + tiny) : sqrt(sums.aa) * scale_a;
    const double of_b =
        tiny > 0.0 ? sqrt(sums.bb * scale_b * scale_b + tiny) : sqrt(sums.bb) * scale_b;
    const double by_a = of_a < eps ? eps : of_a, by_b = of_b < eps ? eps : of_b;
    const double cosine = sums.ab / (by_a / scale_a) / (by_b / scale_b);
    y[line] = from_compute<T>(static_cast<C>(cosine));
    kept[line] = of_a;
    kept[lines + line] = of_b;
    kept[2 * lines + line] = cosine;
  });
}

// da = dy (b / max(|b|, eps) - y a / |a|) / max(|a|, eps), without the second term where |a| is 0;
// db likewise. The lengths and y come from what the forward kept.
// Bytes: 4 * lines * length * sizeof(T) + 24 * lines.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    cosine_backward(T* __restrict__ da, T* __restrict__ db, const double* __restrict__ kept,
                    const T* __restrict__ dy, const T* __restrict__ a, const T* __restrict__ b,
                    long long lines, long long length, long long inner, int team, double eps) {
  with_team(team, lines, [=](const Team& team, long long line) {
    if (line < 0) return;
    const Line<const T> first(a, line, length, inner), second(b, line, length, inner);
    const Line<T> to_first(da, line, length, inner), to_second(db, line, length, inner);
    const C of_a = static_cast<C>(kept[line]), of_b = static_cast<C>(kept[lines + line]);
    const C cosine = static_cast<C>(kept[2 * lines + line]), least = static_cast<C>(eps);
    const C by_a = of_a < least ? least : of_a, by_b = of_b < least ? least : of_b;
    const C grad = to_compute(dy[line]), grad_a = grad / by_a, grad_b = grad / by_b;
    const C along_a = of_a == C(0) ? C(0) : cosine / of_a;
    const C along_b = of_b == C(0) ? C(0) : cosine / of_b;
#pragma unroll 1
    for (long long group = team.rank; group < first.groups(); group += team.size) {
      const auto x = load_group(first, group, C(0)), y = load_group(second, group, C(0));
      auto slope_x = x, slope_y = y;
#pragma unroll
      for (int k = 0; k < first.GROUP; ++k) {
        slope_x.at[k] = grad_a * (y.at[k] / by_b - along_a * x.at[k]);
        slope_y.at[k] = grad_b * (x.at[k] / by_a - along_b * y.at[k]);
      }
      store_group(to_first, group, slope_x);
      store_group(to_second, group, slope_y);
    }
  });
}
