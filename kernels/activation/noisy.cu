// Activations with noise, drawn again in backward. Launched by gpunn/ops/activation/noisy.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/formulas.cuh"
#include "random.cuh"

using C = accumulate_t<T>;

constexpr int LENGTH = Draws<C>::LENGTH;

// All kernels: arrays of n elements. Element i has number i of a draw in C, of `stream`
// from block `offset` on. A thread takes the elements of a block.

// y = x <= 0 ? r value : value, r uniform in [lower, upper). Forward: value is x; backward: it is
// the gradient.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    rrelu(T* __restrict__ y, const T* __restrict__ value, const T* __restrict__ x, double lower,
          double upper, const unsigned long long* __restrict__ stream, unsigned long long offset,
          long long n) {
  const C low = C(lower), width = C(upper - lower);
  for (long long b = thread_index(); b * LENGTH < n; b += thread_count()) {
    const Draws<C> draws = uniform_draws<C>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const long long i = b * LENGTH + k;
      if (i >= n) break;
      const C slope = to_compute(x[i]) <= C(0) ? fma(draws.at[k], width, low) : C(1);
      y[i] = from_compute<T>(slope * to_compute(value[i]));
    }
  }
}

// y = max(x + z sqrt(sigmoid(x)), 0), z standard normal.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    noisy_relu_forward(T* __restrict__ y, const T* __restrict__ x,
                       const unsigned long long* __restrict__ stream, unsigned long long offset,
                       long long n) {
  for (long long b = thread_index(); b * LENGTH < n; b += thread_count()) {
    const Draws<C> draws = normal_draws<C>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const long long i = b * LENGTH + k;
      if (i >= n) break;
      const C at = to_compute(x[i]), value = fma(draws.at[k], sqrt(sigmoid(at)), at);
      y[i] = from_compute<T>(value <= C(0) ? C(0) : value);
    }
  }
}

// dx = y > 0 ? dy (1 + z sqrt(s) (1 - s) / 2) : 0, s = sigmoid(x).
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    noisy_relu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                        const unsigned long long* __restrict__ stream, unsigned long long offset,
                        long long n) {
  for (long long b = thread_index(); b * LENGTH < n; b += thread_count()) {
    const Draws<C> draws = normal_draws<C>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const long long i = b * LENGTH + k;
      if (i >= n) break;
      const C at = to_compute(x[i]), s = sigmoid(at), noise = draws.at[k] * sqrt(s);
      const C slope = C(1) + noise * (C(1) - s) * C(0.5);
      dx[i] = from_compute<T>(at + noise <= C(0) ? C(0) : slope * to_compute(dy[i]));
    }
  }
}
