// What the windows of a convolution see, as columns. Launched by gpunn/ops/conv/unfold.py.
// T: unsigned int, unsigned short, unsigned long long, unsigned char
// BLOCK: 256
#include "pool/windows.cuh"

// y[plane, tap_h, tap_w, p, q] = x[plane, p * stride_h - padding_h + tap_h * dilation_h, the same
// of w], and 0 where that is outside. x: (planes, size_h, size_w); y: (planes, kernel_h, kernel_w,
// out_h, out_w). T stands for any type of its size. A thread makes one element.
// Bytes: planes * (size_h * size_w + kernel_h * kernel_w * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    unfold(T* __restrict__ y, const T* __restrict__ x, long long planes, int size_h, int out_h,
           int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w, int out_w,
           int kernel_w, int stride_w, int padding_w, int dilation_w) {
  const long long n = planes * kernel_h * kernel_w * out_h * out_w;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long plane = i;
    const int q = take_digit(plane, out_w), p = take_digit(plane, out_h);
    const int tap_w = take_digit(plane, kernel_w), tap_h = take_digit(plane, kernel_h);
    const int row = p * stride_h - padding_h + tap_h * dilation_h;
    const int column = q * stride_w - padding_w + tap_w * dilation_w;
    const bool is_inside = row >= 0 && row < size_h && column >= 0 && column < size_w;
    y[i] = is_inside ? x[(plane * size_h + row) * size_w + column] : static_cast<T>(0);
  }
}
