// Images blurred and normalised. Launched by gpunn/vision/transforms/filters.py.
// (T, C, Y): (unsigned char, float, float), (float, float, float), (double, double, double), (__half, float, __half), (__nv_bfloat16, float, __nv_bfloat16)
// BLOCK: 256
#include "image/exact.cuh"

// Place number `at` of an axis that goes on with its mirror image on both sides.
__device__ __forceinline__ int mirrored(int at, int size) {
  if (at < 0) at = -at;
  return at < size ? at : 2 * (size - 1) - at;
}

template <class X, class Z>
__device__ __forceinline__ void blur(Z* y, const X* x, const C* weights, long long images,
                                     int channels, int size, int inner, int taps) {
  const long long n = images * channels * size * inner;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, channels, size, inner, 1);
    const X* line = x + (p.plane * channels + p.d) * size * inner + p.w;
    const C* weight = weights + p.plane * taps;
    C sum = 0;
    for (int k = 0; k < taps; ++k) {
      const long long at = mirrored(p.h + k - taps / 2, size);
      sum = plus(sum, times(weight[k], C(to_compute(line[at * inner]))));
    }
    y[i] = from_compute<Z>(sum);
  }
}

// y = the weighted sums of `taps` neighbours along a row. x, y: (images, channels, height, width)
// as (images, channels * height, width, 1) would lie; weights: (images, taps). A thread makes one
// element.
// Bytes: images * channels * size * (sizeof(T) + sizeof(C)).
// FLOPs: 2 * images * channels * size * taps.
extern "C" __global__ void __launch_bounds__(BLOCK)
    blur_rows(C* __restrict__ y, const T* __restrict__ x, const C* __restrict__ weights,
              long long images, int channels, int size, int taps) {
  blur(y, x, weights, images, channels, size, 1, taps);
}

// The same along a column of `size` elements, `inner` apart; the last of two steps.
// Bytes: images * channels * size * inner * (sizeof(T) + sizeof(C)).
// FLOPs: 2 * images * channels * size * inner * taps.
extern "C" __global__ void __launch_bounds__(BLOCK)
    blur_columns(T* __restrict__ y, const C* __restrict__ x, const C* __restrict__ weights,
                 long long images, int channels, int size, int inner, int taps) {
  blur(y, x, weights, images, channels, size, inner, taps);
}

// y = (x / brightest - mean) / std for each channel, in floating point. x, y: (images, channels,
// pixels); mean, std: (channels,). The brightest is 255 for bytes, else 1. A thread makes one
// element.
// Bytes: images * channels * pixels * (sizeof(T) + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    normalize(Y* __restrict__ y, const T* __restrict__ x, const C* __restrict__ mean,
              const C* __restrict__ std, long long images, int channels, int pixels) {
  const long long n = images * channels * pixels;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long plane = i;
    take_digit(plane, pixels);
    const int channel = take_digit(plane, channels);
    y[i] = from_compute<Y>((C(to_compute(x[i])) / BRIGHTEST<T> - mean[channel]) / std[channel]);
  }
}
