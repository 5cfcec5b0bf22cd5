// Sums and means of the losses of rows, in a fixed order. Launched by gpunn/ops/loss/totals.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// sums[k, b] = the sum of the elements of rows[k] that block b meets; rows (2, n), sums (2,
// gridDim.x). A thread adds up elements that are gridDim.x * BLOCK apart. The grid depends on n
// only. Bytes: 16 * n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    partial_sums(double* __restrict__ sums, const double* __restrict__ rows, long long n) {
  for (int k = 0; k < 2; ++k) {
    double sum = 0.0;
    for (long long i = thread_index(); i < n; i += thread_count()) sum += rows[k * n + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[static_cast<long long>(k) * gridDim.x + blockIdx.x] = sum;
  }
}

// loss = Σ sums[0] * factor. factor = 1 / divisor, divisor = Σ sums[1] if the rows have weights,
// else the given one. Where divisor is 0 the loss is NaN, and the factor 0: no gradient. sums (2,
// n), one block. Bytes: 16 * n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    total(T* __restrict__ loss, double* __restrict__ factor, const double* __restrict__ sums,
          long long n, bool has_weights, double divisor) {
  double sum = 0.0, weights = 0.0;
  for (long long i = threadIdx.x; i < n; i += BLOCK) {
    sum += sums[i];
    if (has_weights) weights += sums[n + i];
  }
  sum = block_sum(sum);
  weights = block_sum(weights);
  if (threadIdx.x != 0) return;
  const double by = has_weights ? weights : divisor;
  loss[0] = from_compute<T>(static_cast<C>(sum / by));
  factor[0] = by == 0.0 ? 0.0 : 1.0 / by;
}
