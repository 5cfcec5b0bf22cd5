// Random truth. Launched by gpunn/random/draws.py.
// BLOCK: 256
#include "random.cuh"

// y: n times whether a number, uniform in [0, 1), is below p. The numbers are those of `stream`
// from block `offset` on; a thread compares those of one block.
// Bytes: n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    bernoulli_draw(bool* __restrict__ y, float p, const unsigned long long* __restrict__ stream,
                   unsigned long long offset, long long n) {
  for (long long b = thread_index(); 4 * b < n; b += thread_count()) {
    const Draws<float> draws = uniform_draws<float>(stream[0], stream[1] + offset + b);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (4 * b + k < n) y[4 * b + k] = draws.at[k] < p;
    }
  }
}
