// The sums of columns over the windows that see a place. Launched by gpunn/ops/conv/unfold.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "pool/windows.cuh"

using C = accumulate_t<T>;

// y[plane, h, w] = the sum of x[plane, tap_h, tap_w, p, q] over the windows (p, q) whose element
// (tap_h, tap_w) lies at (h, w), window by window: the transpose of unfold.
// y: (planes, size_h, size_w); x: (planes, kernel_h, kernel_w, out_h, out_w). A thread makes one
// element. Bytes: planes * (size_h * size_w + kernel_h * kernel_w * out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    fold(T* __restrict__ y, const T* __restrict__ x, long long planes, int size_h, int out_h,
         int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w, int out_w,
         int kernel_w, int stride_w, int padding_w, int dilation_w) {
  const Axis rows{size_h, out_h, kernel_h, stride_h, padding_h, dilation_h};
  const Axis columns{size_w, out_w, kernel_w, stride_w, padding_w, dilation_w};
  const long long n = planes * size_h * size_w;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long plane = i;
    const int w = take_digit(plane, size_w), h = take_digit(plane, size_h);
    const Span across = windows_at(columns, w), down = windows_at(rows, h);
    C sum = 0;
    for (int p = down.first; p < down.last; ++p) {
      const int tap_h = tap_at(rows, p, h);
      if (tap_h < 0) continue;
      for (int q = across.first; q < across.last; ++q) {
        const int tap_w = tap_at(columns, q, w);
        if (tap_w < 0) continue;
        const long long tap = (plane * kernel_h + tap_h) * kernel_w + tap_w;
        sum += to_compute(x[(tap * out_h + p) * out_w + q]);
      }
    }
    y[i] = from_compute<T>(sum);
  }
}
