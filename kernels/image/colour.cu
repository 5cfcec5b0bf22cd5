// The colours of images. Launched by gpunn/vision/transforms/colour.py.
// (T, C): (unsigned char, float), (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "image/exact.cuh"
#include "reduce.cuh"

enum Other { BLACK, MEAN, GRAY };

// How bright a pixel is, of channels that lie `pixels` apart; bytes are cut off.
__device__ __forceinline__ C brightness(const T* pixel, int channels, long long pixels) {
  if (channels == 1) return to_compute(pixel[0]);
  const C red = times(C(0.2989), C(to_compute(pixel[0])));
  const C green = times(C(0.587), C(to_compute(pixel[pixels])));
  const C blue = times(C(0.114), C(to_compute(pixel[2 * pixels])));
  const C sum = plus(plus(red, green), blue);
  if (sizeof(T) == 1) return floor(sum);
  return to_compute(from_compute<T>(sum));
}

// means = how bright the pixels of each image are on average. x: (images, channels, pixels);
// means: (images,). A block takes an image.
// Bytes: images * channels * pixels * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    mean_brightness(C* __restrict__ means, const T* __restrict__ x, long long images, int channels,
                    long long pixels) {
  for (long long image = blockIdx.x; image < images; image += gridDim.x) {
    double sum = 0;
    for (long long i = threadIdx.x; i < pixels; i += BLOCK)
      sum += brightness(x + image * channels * pixels + i, channels, pixels);
    sum = block_sum(sum);
    if (threadIdx.x == 0) means[image] = static_cast<C>(sum / pixels);
  }
}

// y = factors[0] · x + factors[1] · other, between 0 and the brightest value; `other` is black, the
// mean of the image, or the gray of the pixel. x, y: (images, channels, pixels); factors: (images,
// 2); means: (images,). A thread makes one pixel.
// Bytes: 2 * images * channels * pixels * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    blend(T* __restrict__ y, const T* __restrict__ x, const C* __restrict__ factors,
          const C* __restrict__ means, long long images, int channels, int pixels, int other) {
  const long long n = images * pixels;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long image = i;
    const int pixel = take_digit(image, pixels);
    const long long first = image * channels * pixels + pixel;
    const C factor = factors[2 * image];
    C second = 0;
    if (other == MEAN) second = means[image];
    if (other == GRAY) second = brightness(x + first, channels, pixels);
    second = times(factors[2 * image + 1], second);
    for (int c = 0; c < channels; ++c) {
      const long long at = first + static_cast<long long>(c) * pixels;
      y[at] = bounded<T>(plus(times(factor, to_compute(x[at])), second));
    }
  }
}

// y = x with its hue moved by a part of the circle (Foley et al., hexagonal model). x, y: (images,
// 3, pixels); shifts: (images,). A thread makes one pixel.
// Bytes: 6 * images * pixels * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    shift_hue(T* __restrict__ y, const T* __restrict__ x, const C* __restrict__ shifts,
              long long images, int pixels) {
  const long long n = images * pixels;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long image = i;
    const int pixel = take_digit(image, pixels);
    const long long first = image * 3 * pixels + pixel;
    C rgb[3];
#pragma unroll
    for (int c = 0; c < 3; ++c)
      rgb[c] = to_compute(x[first + static_cast<long long>(c) * pixels]) / BRIGHTEST<T>;
    const C r = rgb[0], g = rgb[1], b = rgb[2];
    const C top = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const C low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const C range = top - low;
    C hue = 0, saturation = 0;
    if (range != 0) {
      saturation = range / top;
      const C to_r = (top - r) / range, to_g = (top - g) / range, to_b = (top - b) / range;
      const C side = top == r ? to_b - to_g : top == g ? 2 + to_r - to_b : 4 + to_g - to_r;
      hue = side / 6;
    }
    hue = plus(hue, shifts[image]);
    hue = hue - floor(hue);
    const C sixth = times(hue, C(6)), side = floor(sixth), rest = sixth - side;
    const C p = times(top, 1 - saturation);
    const C q = times(top, 1 - times(saturation, rest));
    const C t = times(top, 1 - times(saturation, 1 - rest));
    const int k = static_cast<int>(side) % 6;
    const C found[3] = {k == 0 || k == 5   ? top
                        : k == 1           ? q
                        : k == 2 || k == 3 ? p
                                           : t,
                        k == 0             ? t
                        : k == 1 || k == 2 ? top
                        : k == 3           ? q
                                           : p,
                        k == 0 || k == 1   ? p
                        : k == 2           ? t
                        : k == 3 || k == 4 ? top
                                           : q};
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const C value = sizeof(T) == 1 ? times(found[c], C(255.999)) : found[c];
      y[first + static_cast<long long>(c) * pixels] = bounded<T>(value);
    }
  }
}
