// An activation of x + bias in one pass. Launched by gpunn/ops/activation/bias.py.
// T: float, double, __half, __nv_bfloat16
// ACT: Relu, Gelu, TanhGelu, Silu, Tanh, Sigmoid
// BLOCK: 256
#include "activation/channels.cuh"
#include "activation/formulas.cuh"

using C = accumulate_t<T>;

// y = f(x + bias). x, y: (outer, channels, inner), n elements; bias: (channels,). A thread takes 16
// bytes at a time.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    bias_forward(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ bias,
                 long long channels, long long inner, long long n) {
  auto value = [=](C x, long long c) { return ACT::value(x + to_compute(bias[c])); };
  map_channels(n, channels, inner, y, value, x);
}

// dx = dy f'(x + bias). The gradient of the bias: channel_parts in channels.cu, of dx.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    bias_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  const T* __restrict__ bias, long long channels, long long inner, long long n) {
  auto slope = [=](C dy, C x, long long c) { return ACT::slope(x + to_compute(bias[c]), dy); };
  map_channels(n, channels, inner, dx, slope, dy, x);
}
