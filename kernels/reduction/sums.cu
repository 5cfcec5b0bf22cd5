// Sums of lines and of squared deviations. Launched by gpunn/ops/reduction/line_sums.py.
// (T, Y): (float, float), (float, double), (double, double), (double, float), (double, __half), (double, __nv_bfloat16), (__half, __half), (__half, double), (__nv_bfloat16, __nv_bfloat16), (__nv_bfloat16, double)
// BLOCK: 256
#include "reduction/pieces.cuh"

using C = accumulate_t<T>;

// y = Σ x / divisor, or its root if is_root, of each piece of the lines of x (outer, length,
// inner). `pieces` is how many there are. The threads of a team (with_team) share a piece. A group
// is added up in C, the groups in double.
// Bytes: pieces * (piece * sizeof(T) + sizeof(Y)).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    line_sums(Y* __restrict__ y, const T* __restrict__ x, long long pieces, long long length,
              long long inner, long long piece, int team, double divisor, bool is_root) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    const Line<const T> from = parts.at(x, number);
    double sum = 0.0;
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      const auto values = load_group(from, group, C(0));
      C partial = 0;
#pragma unroll
      for (C value : values.at) partial += value;
      sum += partial;
    }
    sum = team.sum(sum) / divisor;
    if (team.rank != 0 || number < 0) return;
    y[number] = from_compute<Y>(static_cast<accumulate_t<Y>>(is_root ? sqrt(sum) : sum));
  });
}

// y = Σ (x - mean)^2 of each piece, mean that of its line.
// Bytes: pieces * (piece * sizeof(T) + 16).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    line_squares(double* __restrict__ y, const T* __restrict__ x, const double* __restrict__ mean,
                 long long pieces, long long length, long long inner, long long piece, int team) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    const Line<const T> from = parts.at(x, number);
    const double middle = number < 0 ? 0.0 : mean[parts.line(number)];
    double sum = 0.0;
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      const auto values = load_group(from, group, C(0));
#pragma unroll
      for (int k = 0; k < from.GROUP; ++k) {
        const double deviation = values.at[k] - middle;
        if (group * from.GROUP + k < from.length) sum += deviation * deviation;
      }
    }
    sum = team.sum(sum);
    if (team.rank == 0 && number >= 0) y[number] = sum;
  });
}

// dx = dy 2 (x - mean) / freedom for a variance y = Σ (x - mean)^2 / freedom; if is_root for its
// root y, dx = dy (x - mean) / (y freedom), and 0 where y is 0. mean, y and dy are those of lines.
// Bytes: 2 * pieces * piece * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    deviations(T* __restrict__ dx, const T* __restrict__ x, const double* __restrict__ mean,
               const T* __restrict__ y, const T* __restrict__ dy, long long pieces,
               long long length, long long inner, long long piece, int team, double freedom,
               bool is_root) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    if (number < 0) return;
    const Line<const T> from = parts.at(x, number);
    const Line<T> to = parts.at(dx, number);
    const long long line = parts.line(number);
    const double middle = mean[line], root = is_root ? to_compute(y[line]) : 0.5;
    const C factor = root == 0.0 ? C(0) : static_cast<C>(to_compute(dy[line]) / (root * freedom));
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      auto values = load_group(from, group, C(0));
#pragma unroll
      for (C& value : values.at) value = factor * static_cast<C>(value - middle);
      store_group(to, group, values);
    }
  });
}
