// The gradients of padding. Launched by gpunn/ops/resize/pad.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "resize/axes.cuh"

using C = accumulate_t<T>;

// dx = the sum of dy over the places that show the element, row by row. At most the middle three of
// five axes are padded. dx: the sizes; dy: the outs. A thread makes one element.
// Bytes: planes * inner * (size_1 * size_2 * size_3 + out_1 * out_2 * out_3) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    pad_backward(T* __restrict__ dx, const T* __restrict__ dy, long long planes, int inner,
                 int size_1, int out_1, int before_1, int size_2, int out_2, int before_2,
                 int size_3, int out_3, int before_3, int mode) {
  const Edge d{size_1, out_1, before_1}, h{size_2, out_2, before_2}, w{size_3, out_3, before_3};
  const long long n = planes * size_1 * size_2 * size_3 * inner;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, d.size, h.size, w.size, inner);
    const Showing in_d = places_showing(d, mode, p.d), in_h = places_showing(h, mode, p.h),
                  in_w = places_showing(w, mode, p.w);
    C volume = 0;
    for (int j = 0; j < in_d.count; ++j) {
      const int at_d = showing_at(d, mode, in_d, j);
      if (at_d < 0) continue;
      C plane = 0;
      for (int k = 0; k < in_h.count; ++k) {
        const int at_h = showing_at(h, mode, in_h, k);
        if (at_h < 0) continue;
        const long long row = ((p.plane * d.out + at_d) * h.out + at_h) * w.out;
        C sum = 0;
        for (int l = 0; l < in_w.count; ++l) {
          const int at_w = showing_at(w, mode, in_w, l);
          if (at_w >= 0) sum += to_compute(dy[(row + at_w) * inner + p.channel]);
        }
        plane += sum;
      }
      volume += plane;
    }
    dx[i] = from_compute<T>(volume);
  }
}
