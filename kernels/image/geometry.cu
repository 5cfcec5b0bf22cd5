// Images cut, flipped, turned, erased. Launched by gpunn/vision/transforms/geometry.py, affine.py.
// (T, C): (unsigned char, float), (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "image/exact.cuh"

// y = the part of each image from its row `top` and its column `left` on, upside down or mirrored
// if asked for; 0 outside of the image. x: (images, channels, height, width); y: (images, channels,
// out_h, out_w); boxes: (images, 4): top, left, is upside down, is mirrored. A thread makes one
// element.
// Bytes: 2 * images * channels * out_h * out_w * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    crop_and_flip(T* __restrict__ y, const T* __restrict__ x, const int* __restrict__ boxes,
                  long long images, int channels, int height, int width, int out_h, int out_w) {
  const long long n = images * channels * out_h * out_w;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, channels, out_h, out_w, 1);
    const int* box = boxes + p.plane * 4;
    const long long row = static_cast<long long>(box[0]) + (box[2] ? out_h - 1 - p.h : p.h);
    const long long column = static_cast<long long>(box[1]) + (box[3] ? out_w - 1 - p.w : p.w);
    const bool is_inside = row >= 0 && row < height && column >= 0 && column < width;
    y[i] = is_inside ? x[((p.plane * channels + p.d) * height + row) * width + column]
                     : from_compute<T>(C(0));
  }
}

// y = x at the place (a, b, c; d, e, f) · (w, h, 1) for row h and column w: the nearest pixel,
// `fill` outside; or the sum of four with their shares, those outside being 0. If `filled`, the
// share `seen` that is inside weighs that sum against the fill: seen · sum + (1 - seen) · fill, as
// in torchvision. x, y: (images, channels, height, width) and (images, channels, out_h, out_w);
// matrices: (images, 6); fill: (channels,). A thread makes one pixel. Bytes: images * channels *
// (height * width + out_h * out_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    affine(T* __restrict__ y, const T* __restrict__ x, const C* __restrict__ matrices,
           const C* __restrict__ fill, long long images, int channels, int height, int width,
           int out_h, int out_w, bool bilinear, bool filled) {
  const long long n = images * out_h * out_w, plane = static_cast<long long>(height) * width;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, 1, out_h, out_w, 1);
    const C* m = matrices + p.plane * 6;
    const C column = plus(plus(times(m[0], C(p.w)), times(m[1], C(p.h))), m[2]);
    const C row = plus(plus(times(m[3], C(p.w)), times(m[4], C(p.h))), m[5]);
    const C left = bilinear ? floor(column) : rint(column), top = bilinear ? floor(row) : rint(row);
    const C shares_w[2] = {1 - (column - left), column - left};
    const C shares_h[2] = {1 - (row - top), row - top};
    const int taps = bilinear ? 2 : 1;
    for (int c = 0; c < channels; ++c) {
      const T* source = x + (p.plane * channels + c) * plane;
      C sum = bilinear ? C(0) : fill[c], seen = 0;
#pragma unroll
      for (int k = 0; k < 2; ++k) {
#pragma unroll
        for (int l = 0; l < 2; ++l) {
          const C at_h = top + k, at_w = left + l;
          const bool is_inside = at_h >= 0 && at_h < C(height) && at_w >= 0 && at_w < C(width);
          if (k >= taps || l >= taps || !is_inside) continue;
          const C value =
              to_compute(source[static_cast<long long>(at_h) * width + static_cast<int>(at_w)]);
          const C share = times(shares_h[k], shares_w[l]);
          sum = bilinear ? plus(sum, times(share, value)) : value;
          seen = plus(seen, share);
        }
      }
      if (filled) sum = plus(times(sum, seen), times(1 - seen, fill[c]));
      y[((p.plane * channels + c) * out_h + p.h) * out_w + p.w] = from_compute<T>(sum);
    }
  }
}

// y = x, but `value` in a box of each image. x, y: (images, channels, height, width); boxes:
// (images, 4): top, left, height, width; value: (channels,). A thread makes one element.
// Bytes: 2 * images * channels * height * width * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    erase(T* __restrict__ y, const T* __restrict__ x, const int* __restrict__ boxes,
          const C* __restrict__ value, long long images, int channels, int height, int width) {
  const long long n = images * channels * height * width;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Position p = position_of(i, channels, height, width, 1);
    const int* box = boxes + p.plane * 4;
    const bool is_inside =
        p.h >= box[0] && p.h - box[0] < box[2] && p.w >= box[1] && p.w - box[1] < box[3];
    y[i] = is_inside ? from_compute<T>(value[p.d]) : x[i];
  }
}
