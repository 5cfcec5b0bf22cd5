// Padding in four ways. Launched by gpunn/ops/resize/pad.py.
// T: unsigned int, unsigned short, unsigned long long, unsigned char
// BLOCK: 256
#include "resize/axes.cuh"

// y = the element of x that each place shows, or `value`. x has the five sizes, y the five outs;
// element o of an axis of y lies at o - before in x. Axes that nothing is added to have before = 0.
// T stands for any type of its size. A thread makes one element.
// Bytes: 2 * out_0 * out_1 * out_2 * out_3 * out_4 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pad_forward(T* __restrict__ y, const T* __restrict__ x, int size_0, int out_0, int before_0,
                int size_1, int out_1, int before_1, int size_2, int out_2, int before_2,
                int size_3, int out_3, int before_3, int size_4, int out_4, int before_4, int mode,
                unsigned long long value) {
  const Edge axes[5] = {{size_0, out_0, before_0},
                        {size_1, out_1, before_1},
                        {size_2, out_2, before_2},
                        {size_3, out_3, before_3},
                        {size_4, out_4, before_4}};
  const long long n = static_cast<long long>(out_0) * out_1 * out_2 * out_3 * out_4;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long rest = i, source = 0, stride = 1;
    bool is_inside = true;
#pragma unroll
    for (int axis = 4; axis >= 0; --axis) {
      const int place = shown_at(axes[axis], mode, take_digit(rest, axes[axis].out));
      is_inside = is_inside && place >= 0;
      source += place * stride;
      stride *= axes[axis].size;
    }
    y[i] = is_inside ? x[source] : static_cast<T>(value);
  }
}
