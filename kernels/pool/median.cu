// Median pooling; gradients as in pool/maximum.cu. Launched by gpunn/ops/pool/median.py.
// T: float, double, __half, __nv_bfloat16
// I: unsigned char, int
// BLOCK: 256
#include "pool/windows.cuh"

using C = accumulate_t<T>;

// y = the lower median of what each window sees of the input, winners = its number in the window:
// the element of which (n - 1) / 2 come before it in order, equals in the order of the window; the
// first NaN if there is one. x: (planes, size_d, size_h, size_w, channels); y, winners: (planes,
// out_d, out_h, out_w, channels). A thread takes one window, and compares each of its elements with
// each.
// Bytes: planes * channels * (size_d * size_h * size_w * sizeof(T) + out_d * out_h * out_w *
// (sizeof(T) + sizeof(I))).
// FLOPs: planes * channels * out_d * out_h * out_w * (kernel_d * kernel_h * kernel_w) ** 2.
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    median_pool_forward(T* __restrict__ y, I* __restrict__ winners, const T* __restrict__ x,
                        long long planes, int channels, int size_d, int out_d, int kernel_d,
                        int stride_d, int padding_d, int dilation_d, int size_h, int out_h,
                        int kernel_h, int stride_h, int padding_h, int dilation_h, int size_w,
                        int out_w, int kernel_w, int stride_w, int padding_w, int dilation_w) {
  const Stack s{planes,
                channels,
                {size_d, out_d, kernel_d, stride_d, padding_d, dilation_d},
                {size_h, out_h, kernel_h, stride_h, padding_h, dilation_h},
                {size_w, out_w, kernel_w, stride_w, padding_w, dilation_w}};
  const long long n = planes * out_d * out_h * out_w * channels;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, out_d, out_h, out_w, channels);
    int nan = -1, count = 0;
    each_tap(s, p, [&](int tap, long long at) {
      if (nan < 0 && is_nan(to_compute(x[at]))) nan = tap;
      ++count;
    });
    C chosen = nan < 0 ? C(0) : C(__int_as_float(0x7fffffff));
    int winner = nan < 0 ? 0 : nan;
    each_tap(s, p, [&](int tap, long long at) {
      if (nan >= 0) return;
      const C value = to_compute(x[at]);
      int before = 0;
      each_tap(s, p, [&](int other_tap, long long other_at) {
        const C other = to_compute(x[other_at]);
        before += other < value || (other == value && other_tap < tap);
      });
      if (before == (count - 1) / 2) {
        chosen = value;
        winner = tap;
      }
    });
    y[i] = from_compute<T>(chosen);
    winners[i] = static_cast<I>(winner);
  }
}
