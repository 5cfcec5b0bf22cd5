// Distances between all rows of two matrices. Launched by gpunn/ops/distance.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "reduction/norms.cuh"

using C = accumulate_t<T>;

constexpr int RUN = 32;  // terms that are added up in C, before they go into a double

// y[i, j] = |a[i] - b[j]| in the p-norm, of each batch: a (batches, n, d), b (batches, m, d), y
// (batches, n, m). A thread for each distance.
// Bytes: batches * (n * m + n * d + m * d) * sizeof(T). FLOPs: 3 * batches * n * m * d.
extern "C" __global__ void __launch_bounds__(BLOCK)
    distances_forward(T* __restrict__ y, const T* __restrict__ a, const T* __restrict__ b,
                      long long batches, long long n, long long m, long long d, double p) {
  for (long long at = thread_index(); at < batches * n * m; at += thread_count()) {
    const long long row = at / m, column = at / m / n * m + at % m;
    const Difference<T> line{Line<const T>(a, row, d, 1), Line<const T>(b, column, d, 1), true,
                             C(0)};
    y[at] = from_compute<T>(norm_of(Team(THREAD), line, p));
  }
}

// dx[i, k] = Σ_j dy[i, j] times the slope of the distance y[i, j] of x[i] and other[j] at the
// difference x[i, k] - other[j, k]; p > 0, and for p = inf all that are as large as the distance
// get all of it. x (batches, n, d), other (batches, m, d); y and dy hold the distance (i, j) at i *
// row_step + j * column_step of each n * m numbers. A thread for each element of x.
// Bytes: batches * (2 * n * m + 2 * n * d + m * d) * sizeof(T). FLOPs: 4 * batches * n * m * d.
extern "C" __global__ void __launch_bounds__(BLOCK)
    distances_backward(T* __restrict__ dx, const T* __restrict__ x, const T* __restrict__ other,
                       const T* __restrict__ y, const T* __restrict__ dy, long long batches,
                       long long n, long long m, long long d, long long row_step,
                       long long column_step, double p) {
  const C exponent = static_cast<C>(p);
  const bool is_largest = p == C(__int_as_float(0x7f800000));
  for (long long at = thread_index(); at < batches * n * d; at += thread_count()) {
    const long long row = at / d, batch = row / n, k = at % d;
    const C own = to_compute(x[at]);
    double sum = 0.0;
    for (long long first = 0; first < m; first += RUN) {
      C partial = 0;
#pragma unroll 1
      for (long long j = first; j < m && j < first + RUN; ++j) {
        const long long place = batch * n * m + row % n * row_step + j * column_step;
        const C z = own - to_compute(other[(batch * m + j) * d + k]);
        const C distance = to_compute(y[place]), grad = to_compute(dy[place]);
        if (is_largest) {
          const bool is_all = to_compute(from_compute<T>(abs(z))) == distance;
          partial += is_all ? grad * C((z > C(0)) - (z < C(0))) : C(0);
        } else {
          partial += NormSlope<C>(distance, grad, exponent)(z);
        }
      }
      sum += partial;
    }
    dx[at] = from_compute<T>(static_cast<C>(sum));
  }
}
