// Random truth of given probabilities. Launched by gpunn/random/draws.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "random.cuh"

// y[i] = 1 if a number, uniform in [0, 1), is below p[i], else 0: n numbers. The numbers are those
// of bernoulli_draw; a thread compares those of one block.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    chances_draw(T* __restrict__ y, const T* __restrict__ p,
                 const unsigned long long* __restrict__ stream, unsigned long long offset,
                 long long n) {
  using C = accumulate_t<T>;
  for (long long b = thread_index(); 4 * b < n; b += thread_count()) {
    const Draws<float> draws = uniform_draws<float>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const long long i = 4 * b + k;
      if (i < n) y[i] = from_compute<T>(C(static_cast<C>(draws.at[k]) < to_compute(p[i])));
    }
  }
}
