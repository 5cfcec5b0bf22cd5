// Average pooling and its gradient. Launched by gpunn/ops/pool/average.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "pool/sums.cuh"

using C = accumulate_t<T>;

// y = the sum of each window / its divisor: `divisor` unless it is 0, or the elements of the
// window, of which padding is part if `with_padding`. x: (planes, size_d, size_h, size_w,
// channels); y: (planes, out_d, out_h, out_w, channels). A thread takes 16 bytes of channels, or of
// a row under windows of width 2, else one window; a warp takes a window of 64 elements or more.
// Bytes: planes * channels * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    avg_pool_forward(T* __restrict__ y, const T* __restrict__ x, long long planes, int channels,
                     int size_d, int out_d, int kernel_d, int stride_d, int padding_d,
                     int dilation_d, int size_h, int out_h, int kernel_h, int stride_h,
                     int padding_h, int dilation_h, int size_w, int out_w, int kernel_w,
                     int stride_w, int padding_w, int dilation_w, long long divisor,
                     bool with_padding) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  sum_windows(
      y, x, s, {divisor, with_padding}, [](C x) { return x; },
      [](C sum, C size) { return sum / size; });
}

// dx = the sum of dy / divisor over the windows that see the element, in their order.
// dx: (planes, size_d, size_h, size_w, channels); dy: (planes, out_d, out_h, out_w, channels). A
// thread makes 16 bytes of channels, or of a row under windows of width 2, else one element.
// Bytes: planes * channels * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    avg_pool_backward(T* __restrict__ dx, const T* __restrict__ dy, long long planes, int channels,
                      int size_d, int out_d, int kernel_d, int stride_d, int padding_d,
                      int dilation_d, int size_h, int out_h, int kernel_h, int stride_h,
                      int padding_h, int dilation_h, int size_w, int out_w, int kernel_w,
                      int stride_w, int padding_w, int dilation_w, long long divisor,
                      bool with_padding) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  spread_windows(
      dx, s, {divisor, with_padding}, are_aligned(dx, dy),
      [=](auto& shares, long long at, C size) {
        load(shares, dy + at);
        for (C& share : shares) share /= size;
      },
      Nothing());
}
