// Power-average pooling and its gradient. Launched by gpunn/ops/pool/power.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "pool/sums.cuh"

using C = accumulate_t<T>;

// x^p in general: one copy, for dozens of places.
__device__ __noinline__ C any_power(C x, C p) { return p == C(0.5) ? sqrt(x) : pow(x, p); }

// x^p; exact and fast for the exponents that one meets.
__device__ __forceinline__ C power(C x, C p) {
  if (p == C(2)) return x * x;
  if (p == C(1)) return x;
  if (p == C(-1)) return C(1) / x;
  return any_power(x, p);
}

// y = (scale / size * sum of x^norm over each window)^(1 / norm); size: the elements that the
// window sees, scale: those of a whole window. x: (planes, size_d, size_h, size_w, channels); y:
// (planes, out_d, out_h, out_w, channels). Threads as in avg_pool_forward. Bytes: planes * channels
// * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    lp_pool_forward(T* __restrict__ y, const T* __restrict__ x, long long planes, int channels,
                    int size_d, int out_d, int kernel_d, int stride_d, int padding_d,
                    int dilation_d, int size_h, int out_h, int kernel_h, int stride_h,
                    int padding_h, int dilation_h, int size_w, int out_w, int kernel_w,
                    int stride_w, int padding_w, int dilation_w, double norm, double scale) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const C p = static_cast<C>(norm), root = static_cast<C>(1 / norm), whole = static_cast<C>(scale);
  sum_windows(
      y, x, s, {0, false}, [=](C x) { return power(x, p); },
      [=](C sum, C size) { return power(size == whole ? sum : sum / size * whole, root); });
}

// dx = x^(norm - 1) * the sum of dy * y^(1 - norm) * scale / size over the windows that see the
// element; windows with y = 0 give nothing. x, dx: (planes, size_d, size_h, size_w, channels); y,
// dy: (planes, out_d, out_h, out_w, channels). Threads as in avg_pool_backward.
// Bytes: 2 * planes * channels * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    lp_pool_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                     const T* __restrict__ y, long long planes, int channels, int size_d, int out_d,
                     int kernel_d, int stride_d, int padding_d, int dilation_d, int size_h,
                     int out_h, int kernel_h, int stride_h, int padding_h, int dilation_h,
                     int size_w, int out_w, int kernel_w, int stride_w, int padding_w,
                     int dilation_w, double norm, double scale) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const C p = static_cast<C>(norm - 1), whole = static_cast<C>(scale);
  spread_windows(
      dx, s, {0, false}, are_aligned(dx, dy, x, y),
      [=](auto& shares, long long at, C size) {
        constexpr int N = sizeof(shares) / sizeof(C);
        C pooled[N];
        load(pooled, y + at);
        load(shares, dy + at);
#pragma unroll
        for (int k = 0; k < N; ++k)
          shares[k] = pooled[k] == C(0) ? C(0) : shares[k] * power(pooled[k], -p) * (whole / size);
      },
      [=](auto& sums, long long i) {
        constexpr int N = sizeof(sums) / sizeof(C);
        C seen[N];
        load(seen, x + i);
#pragma unroll
        for (int k = 0; k < N; ++k) sums[k] *= power(seen[k], p);
      });
}
