// Norms of lines, and of differences of lines. Launched by gpunn/ops/reduction/norms.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "reduction/norms.cuh"

using C = accumulate_t<T>;

// y = |x - other + shift| in the p-norm, of each piece of the lines (outer, length, inner); without
// `other` if not has_other. `pieces` is how many there are. The threads of a team (with_team) share
// a piece, read it once for p = 0, 1, 2, inf and -inf, and else, and in double, once more for the
// scale.
// Bytes: (1 + has_other) * pieces * piece * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    norm_forward(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ other,
                 long long pieces, long long length, long long inner, long long piece, int team,
                 bool has_other, double shift, double p) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    const Difference<T> line{parts.at(x, number), parts.at(other, number), has_other,
                             static_cast<C>(shift)};
    const C norm = norm_of(team, line, p);
    if (team.rank == 0 && number >= 0) y[number] = from_compute<T>(norm);
  });
}

// dx = dy times the slope of the norm y, d|z|_p / dz with z = x - other + shift, finite p other
// than 0; d_other = -dx if needs_other. Pieces as in the forward, but y and dy of whole lines.
// Bytes: (2 + has_other + needs_other) * pieces * piece * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    norm_backward(T* __restrict__ dx, T* __restrict__ d_other, const T* __restrict__ x,
                  const T* __restrict__ other, const T* __restrict__ y, const T* __restrict__ dy,
                  long long pieces, long long length, long long inner, long long piece, int team,
                  bool has_other, bool needs_other, double shift, double p) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    if (number < 0) return;
    const Difference<T> from{parts.at(x, number), parts.at(other, number), has_other,
                             static_cast<C>(shift)};
    const Line<T> to = parts.at(dx, number), to_other = parts.at(d_other, number);
    const long long line = parts.line(number);
    const NormSlope<C> slope(to_compute(y[line]), to_compute(dy[line]), static_cast<C>(p));
#pragma unroll 1
    for (long long group = team.rank; group < to.groups(); group += team.size) {
      auto values = from.group(group);
#pragma unroll
      for (C& value : values.at) value = slope(value);
      store_group(to, group, values);
      if (!needs_other) continue;
#pragma unroll
      for (C& value : values.at) value = -value;
      store_group(to_other, group, values);
    }
  });
}
