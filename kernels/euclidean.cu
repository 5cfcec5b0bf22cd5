// Euclidean distances, and their gradients, around products of matrices. By gpunn/ops/euclidean.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "reduce.cuh"

constexpr int LANES = 32, WARPS = BLOCK / LANES;

// center[batch, k] = the mean of x[batch, i, k] over up to 32 of the n rows i, evenly spread; what
// is not finite counts as 0. x (batches, n, d), n > 0. A warp for each mean.
// Bytes: batches * d * (sizeof(C) + 32 * sizeof(T)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_center(C* __restrict__ center, const T* __restrict__ x, long long batches,
                     long long n, long long d) {
  const int lane = threadIdx.x % LANES, rows = n < LANES ? static_cast<int>(n) : LANES;
  for (long long at = thread_index() / LANES; at < batches * d; at += thread_count() / LANES) {
    C value = 0;
    if (lane < rows) value = to_compute(x[(at / d * n + lane * n / rows) * d + at % d]);
    const C sum = warp_sum(isfinite(value) ? value : C(0));
    if (lane == 0) center[at] = sum / rows;
  }
}

// y = x - center of each batch, and squares = Σ y^2 of each row. x and y (batches, n, d), squares
// (batches, n). A warp for each row.
// Bytes: batches * n * d * (sizeof(T) + sizeof(C)). FLOPs: 3 * batches * n * d.
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_rows(C* __restrict__ y, C* __restrict__ squares, const T* __restrict__ x,
                   const C* __restrict__ center, long long batches, long long n, long long d) {
  for (long long row = thread_index() / LANES; row < batches * n; row += thread_count() / LANES) {
    const C* own = center + row / n * d;
    C sum = 0;
    for (long long k = threadIdx.x % LANES; k < d; k += LANES) {
      const C value = to_compute(x[row * d + k]) - own[k];
      y[row * d + k] = value;
      sum += value * value;
    }
    sum = warp_sum(sum);
    if (threadIdx.x % LANES == 0) squares[row] = sum;
  }
}

// y[i, j] = sqrt(max(0, left[i] - 2 products[i, j] + right[j])) of each batch. left (batches, n),
// right (batches, m), y and products (batches, n, m). A thread for each distance.
// Bytes: batches * n * m * (sizeof(T) + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_distances(T* __restrict__ y, const C* __restrict__ products,
                        const C* __restrict__ left, const C* __restrict__ right, long long batches,
                        long long n, long long m) {
  for (long long at = thread_index(); at < batches * n * m; at += thread_count()) {
    const long long row = at / m, column = at - row * m;
    const C square = left[row] - C(2) * products[at] + right[row / n * m + column];
    y[at] = from_compute<T>(sqrt(square < C(0) ? C(0) : square));
  }
}

// shares = dy / y, and 0 where y is 0; sums = Σ shares of each row. y, dy and shares (rows, m). A
// warp for each row.
// Bytes: rows * m * (2 * sizeof(T) + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_shares(C* __restrict__ shares, C* __restrict__ sums, const T* __restrict__ dy,
                     const T* __restrict__ y, long long rows, long long m) {
  for (long long row = thread_index() / LANES; row < rows; row += thread_count() / LANES) {
    C sum = 0;
    for (long long j = row * m + threadIdx.x % LANES; j < (row + 1) * m; j += LANES) {
      const C distance = to_compute(y[j]);
      const C share = distance == C(0) ? C(0) : to_compute(dy[j]) / distance;
      shares[j] = share;
      sum += share;
    }
    sum = warp_sum(sum);
    if (threadIdx.x % LANES == 0) sums[row] = sum;
  }
}

// sums[batch, j] = Σ_i shares[batch, i, j]. shares (batches, n, m). A block for 32 columns, of
// which each warp takes every eighth row. Bytes: batches * n * m * sizeof(C).
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_column_sums(C* __restrict__ sums, const C* __restrict__ shares, long long batches,
                          long long n, long long m) {
  __shared__ C of_warp[WARPS][LANES];
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
  const long long tiles = (m + LANES - 1) / LANES;
  for (long long tile = blockIdx.x; tile < batches * tiles; tile += gridDim.x) {
    const long long batch = tile / tiles, j = tile % tiles * LANES + lane;
    C sum = 0;
    for (long long i = warp; i < n && j < m; i += WARPS) sum += shares[(batch * n + i) * m + j];
    of_warp[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && j < m) {
      for (int other = 1; other < WARPS; ++other) sum += of_warp[other][lane];
      sums[batch * m + j] = sum;
    }
    __syncthreads();
  }
}

// dx[i, k] = sums[i] x[i, k] - products[i, k]; all (rows, d), but sums (rows). A thread for each
// element.
// Bytes: rows * d * (sizeof(T) + 2 * sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    euclidean_gradient(T* __restrict__ dx, const C* __restrict__ x, const C* __restrict__ products,
                       const C* __restrict__ sums, long long rows, long long d) {
  for (long long at = thread_index(); at < rows * d; at += thread_count()) {
    dx[at] = from_compute<T>(sums[at / d] * x[at] - products[at]);
  }
}
