// prelu: a slope for each channel. Launched by gpunn/ops/activation/prelu.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/channels.cuh"

using C = accumulate_t<T>;

// y = x > 0 ? x : weight x. x, y: (outer, channels, inner), n elements; weight: (channels,). A
// thread takes 16 bytes at a time.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    prelu_forward(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ weight,
                  long long channels, long long inner, long long n) {
  auto value = [=](C x, long long c) { return x > C(0) ? x : to_compute(weight[c]) * x; };
  map_channels(n, channels, inner, y, value, x);
}

// dx = x > 0 ? dy : weight dy. The gradient of the weight: channel_parts in channels.cu.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    prelu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                   const T* __restrict__ weight, long long channels, long long inner, long long n) {
  auto slope = [=](C dy, C x, long long c) { return x > C(0) ? dy : to_compute(weight[c]) * dy; };
  map_channels(n, channels, inner, dx, slope, dy, x);
}
