// Sums of gradients by channel. Launched by gpunn/ops/activation/channels.py.
// T: float, double, __half, __nv_bfloat16
// TERM: Plain, Negative
// BLOCK: 256
#include "activation/channels.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// What is summed: the gradient; or for the weight of prelu, dy x where x <= 0.
struct Plain {
  __device__ __forceinline__ C operator()(const T* dy, const T* x, long long i) const {
    return to_compute(dy[i]);
  }
};
struct Negative {
  __device__ __forceinline__ C operator()(const T* dy, const T* x, long long i) const {
    const C at = to_compute(x[i]);
    return at > C(0) ? C(0) : to_compute(dy[i]) * at;
  }
};

// partial[p, c]: the sum of the `chunk` elements of channel c from p * chunk on. dy, x: (outer,
// channels, inner), `length` = outer * inner elements a channel. A
// block takes one sum at a time.
// Bytes: 2 * length * channels * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    channel_parts(double* __restrict__ partial, const T* __restrict__ dy, const T* __restrict__ x,
                  long long length, long long channels, long long inner, long long chunk,
                  long long sums) {
  const TERM term{};
  for (long long s = blockIdx.x; s < sums; s += gridDim.x) {
    const long long part = quotient(s, channels), c = s - part * channels, first = part * chunk;
    const long long end = first + chunk < length ? first + chunk : length;
    C total = C(0);
    for (long long e = first + threadIdx.x; e < end; e += BLOCK) {
      const long long row = quotient(e, inner);
      total += term(dy, x, (row * channels + c) * inner + e - row * inner);
    }
    const double sum = block_sum(static_cast<double>(total));
    if (threadIdx.x == 0) partial[s] = sum;
  }
}

// partial[p, c]: the same where inner is 1 and channels are columns. dy, x: (rows, columns). A warp
// adds some rows of 32 columns, a block all rows of the chunk.
// Bytes: 2 * rows * columns * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    column_parts(double* __restrict__ partial, const T* __restrict__ dy, const T* __restrict__ x,
                 long long rows, long long columns, long long chunk, long long tiles) {
  constexpr int WARPS = BLOCK / 32;
  __shared__ double of_warp[WARPS][32];
  const TERM term{};
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const long long across = (columns + 31) / 32;
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const long long part = quotient(tile, across), first = part * chunk;
    const long long column = (tile - part * across) * 32 + lane;
    const long long end = first + chunk < rows ? first + chunk : rows;
    C total = C(0);
    if (column < columns) {
      for (long long row = first + warp; row < end; row += WARPS) {
        total += term(dy, x, row * columns + column);
      }
    }
    of_warp[warp][lane] = static_cast<double>(total);
    __syncthreads();
    if (warp == 0 && column < columns) {
      double sum = 0.0;
#pragma unroll
      for (int w = 0; w < WARPS; ++w) sum += of_warp[w][lane];
      partial[part * columns + column] = sum;
    }
    __syncthreads();
  }
}

// y[c] = the sum of partial[p, c] over p < parts. A block takes a channel at a time.
// Bytes: parts * channels * 8.
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    channel_totals(T* __restrict__ y, const double* __restrict__ partial, long long parts,
                   long long channels) {
  for (long long c = blockIdx.x; c < channels; c += gridDim.x) {
    double total = 0.0;
    for (long long p = threadIdx.x; p < parts; p += BLOCK) total += partial[p * channels + c];
    total = block_sum(total);
    if (threadIdx.x == 0) y[c] = from_compute<T>(static_cast<C>(total));
  }
}
