// Logarithms of sums of exponentials. Launched by gpunn/ops/reduction/log_sum.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "reduction/pieces.cuh"

using C = accumulate_t<T>;

// y = m + log Σ exp(x - m) of each piece of the lines of x (outer, length, inner), m the maximum;
// infinity if it is. `pieces` is how many there are. The threads of a team (with_team) share a
// piece and read it once.
// Bytes: pieces * piece * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    logsumexp_forward(T* __restrict__ y, const T* __restrict__ x, long long pieces,
                      long long length, long long inner, long long piece, int team) {
  const C infinity = C(__int_as_float(0x7f800000));
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    const Line<const T> from = parts.at(x, number);
    const Exponentials<C> e = exponentials(team, from);
    C wrong = 0;  // 1 if there is a NaN, which an infinite maximum hides
    if (e.maximum == infinity) {
#pragma unroll 1
      for (long long group = team.rank; group < from.groups(); group += team.size) {
        const auto values = load_group(from, group, C(0));
#pragma unroll
        for (C value : values.at) wrong = is_nan(value) ? C(1) : wrong;
      }
    }
    wrong = team.max(wrong);
    if (team.rank != 0 || number < 0) return;
    const C finite = log(e.sum) + e.maximum;
    y[number] = from_compute<T>(e.maximum == infinity && wrong == C(0) ? infinity : finite);
  });
}

// dx = dy exp(x - y) for y = logsumexp_forward(x) of whole lines, in pieces again.
// Bytes: 2 * pieces * piece * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    logsumexp_backward(T* __restrict__ dx, const T* __restrict__ x, const T* __restrict__ y,
                       const T* __restrict__ dy, long long pieces, long long length,
                       long long inner, long long piece, int team) {
  const Pieces parts{length, inner, piece};
  with_team(team, pieces, [=](const Team& team, long long number) {
    if (number < 0) return;
    const Line<const T> from = parts.at(x, number);
    const Line<T> to = parts.at(dx, number);
    const long long line = parts.line(number);
    const C result = to_compute(y[line]), grad = to_compute(dy[line]);
#pragma unroll 1
    for (long long group = team.rank; group < from.groups(); group += team.size) {
      auto values = load_group(from, group, C(0));
#pragma unroll
      for (C& value : values.at) value = grad * exp(value - result);
      store_group(to, group, values);
    }
  });
}
