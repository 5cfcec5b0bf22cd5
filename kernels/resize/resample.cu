// Weighted sums along three axes, which resize. Launched by gpunn/ops/resize/resample.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float), (unsigned char, float)
// BLOCK: 256
#include "image/exact.cuh"

// One axis: place o of the output is the sum of `count[o]` elements of the input from first[o] on,
// with the weights at o * width.
struct Sight {
  const int* __restrict__ first, * __restrict__ count;
  const C* __restrict__ weights;
  int size, out, width;
};

// sum + weight * value. Where the result is rounded to bytes, the product is rounded first as in
// NumPy: it could else be another byte.
__device__ __forceinline__ C add(C sum, C weight, C value) {
  return sizeof(T) == 1 ? plus(sum, times(weight, value)) : sum + weight * value;
}

template <int N>
__device__ __forceinline__ void resample_all(T* y, const T* x, const Sight& d, const Sight& h,
                                             const Sight& w, long long planes, int channels) {
  const int units = channels / N;
  const long long n = planes * d.out * h.out * w.out * units;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, d.out, h.out, w.out, units);
    const int first_d = d.first[p.d], first_h = h.first[p.h], first_w = w.first[p.w];
    const int count_d = d.count[p.d], count_h = h.count[p.h], count_w = w.count[p.w];
    C volume[N] = {};
    for (int j = 0; j < count_d; ++j) {
      C plane[N] = {};
      for (int k = 0; k < count_h; ++k) {
        const long long row = ((p.plane * d.size + first_d + j) * h.size + first_h + k) * w.size;
        const T* source = x + (row + first_w) * channels + p.channel * N;
        C sum[N] = {};
        for (int l = 0; l < count_w; ++l) {
          const C weight = w.weights[static_cast<long long>(p.w) * w.width + l];
          C values[N];
          load(values, source + static_cast<long long>(l) * channels);
#pragma unroll
          for (int m = 0; m < N; ++m) sum[m] = add(sum[m], weight, values[m]);
        }
        const C weight = h.weights[static_cast<long long>(p.h) * h.width + k];
#pragma unroll
        for (int m = 0; m < N; ++m) plane[m] = add(plane[m], weight, sum[m]);
      }
      const C weight = d.weights[static_cast<long long>(p.d) * d.width + j];
#pragma unroll
      for (int m = 0; m < N; ++m) volume[m] = add(volume[m], weight, plane[m]);
    }
    store(y + i * N, volume);
  }
}

// y = the weighted sums. x: (planes, size_d, size_h, size_w, channels); y: (planes, out_d, out_h,
// out_w, channels); first and count: (out,), weights: (out, width) for each axis. A thread makes 16
// bytes of channels, or one element.
// Bytes: planes * channels * (size_d * size_h * size_w + out_d * out_h * out_w) * sizeof(T).
// FLOPs: 2 * planes * channels * out_d * out_h * out_w * width_d * width_h * width_w.
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    resample(T* __restrict__ y, const T* __restrict__ x, const int* __restrict__ first_d,
             const int* __restrict__ count_d, const C* __restrict__ weights_d,
             const int* __restrict__ first_h, const int* __restrict__ count_h,
             const C* __restrict__ weights_h, const int* __restrict__ first_w,
             const int* __restrict__ count_w, const C* __restrict__ weights_w, long long planes,
             int channels, int size_d, int out_d, int width_d, int size_h, int out_h, int width_h,
             int size_w, int out_w, int width_w) {
  constexpr int N = Vector<T>::LENGTH;
  const Sight d{first_d, count_d, weights_d, size_d, out_d, width_d};
  const Sight h{first_h, count_h, weights_h, size_h, out_h, width_h};
  const Sight w{first_w, count_w, weights_w, size_w, out_w, width_w};
  if (channels % N == 0 && are_aligned(x, y))
    resample_all<N>(y, x, d, h, w, planes, channels);
  else
    resample_all<1>(y, x, d, h, w, planes, channels);
}
