// The order of the numbers in rows: a stable merge sort. Launched by gpunn/kernels/order.py.
// T: float, double, __half, __nv_bfloat16, bool, unsigned char, signed char, short, int, long long, unsigned long long
// BLOCK: 256
#include "common.cuh"

// What two numbers are compared as: halves as float, all others as they are.
template <class X>
__device__ __forceinline__ X as_ordered(X x) {
  return x;
}
__device__ __forceinline__ float as_ordered(__half x) { return to_compute(x); }
__device__ __forceinline__ float as_ordered(__nv_bfloat16 x) { return to_compute(x); }

// Whether a must come before b: NaN counts as the largest number, and equal ones stay as they are.
__device__ __forceinline__ bool precedes(T first, T second, bool descending) {
  const auto a = as_ordered(descending ? second : first),
             b = as_ordered(descending ? first : second);
  return a < b || (is_nan(b) && !is_nan(a));
}

// Each BLOCK numbers of each row in order: sorted has them, order their places in the row. x,
// sorted, order: (rows, length). A block takes a tile of BLOCK numbers; a thread finds the place of
// one by comparing it with all others.
// Bytes: rows * length * (2 * sizeof(T) + 8).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sort_tiles(long long* __restrict__ order, T* __restrict__ sorted, const T* __restrict__ x,
               long long rows, long long length, bool descending) {
  __shared__ T tile[BLOCK];
  const long long tiles = (length + BLOCK - 1) / BLOCK;
  for (long long t = blockIdx.x; t < rows * tiles; t += gridDim.x) {
    const long long first = t % tiles * BLOCK, left = length - first;
    const long long base = t / tiles * length + first;
    const int count = left < BLOCK ? static_cast<int>(left) : BLOCK, own = threadIdx.x;
    __syncthreads();  // the last tile has been read
    if (own < count) tile[own] = x[base + own];
    __syncthreads();
    if (own >= count) continue;
    int place = 0;
    for (int i = 0; i < count; ++i) {
      place += i < own ? !precedes(tile[own], tile[i], descending)
                       : precedes(tile[i], tile[own], descending);
    }
    sorted[base + place] = tile[own];
    order[base + place] = first + own;
  }
}

// Rows whose runs of `run` numbers are in order, (order_before, before), with runs of twice as
// many: (order, sorted). All are (rows, length). A thread finds the place of one number: that in
// its own run, and by bisection how many of the run beside it come before. Bytes: 2 * rows * length
// * (sizeof(T) + 8).
extern "C" __global__ void __launch_bounds__(BLOCK)
    merge_runs(long long* __restrict__ order, T* __restrict__ sorted,
               const long long* __restrict__ order_before, const T* __restrict__ before,
               long long rows, long long length, long long run, bool descending) {
  for (long long i = thread_index(); i < rows * length; i += thread_count()) {
    const long long at = i % length, start = at - at % (2 * run), base = i - at;
    const bool is_left = at < start + run;
    const long long middle = start + run < length ? start + run : length;
    const long long end = middle + run < length ? middle + run : length;
    const T own = before[i];
    long long low = is_left ? middle : start, high = is_left ? end : middle;
    while (low < high) {
      const long long half = (low + high) / 2;
      const T other = before[base + half];
      const bool is_before =
          is_left ? precedes(other, own, descending) : !precedes(own, other, descending);
      low = is_before ? half + 1 : low;
      high = is_before ? high : half;
    }
    // Left: at + (low - middle) of the right; right: at - middle of its own run, behind low of the
    // left.
    const long long place = base + at + low - middle;
    sorted[place] = own;
    order[place] = order_before[i];
  }
}
