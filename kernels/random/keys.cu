// Random numbers that sort into a permutation. Launched by gpunn/random/draws.py.
// BLOCK: 256
#include "random.cuh"

// keys[i] = the 64-bit number i of `stream` from block `offset` on, its last `bits`
// bits replaced by those of i: n different numbers. A thread makes the two of one block. Bytes: 8 *
// n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    keys_draw(unsigned long long* __restrict__ keys, int bits,
              const unsigned long long* __restrict__ stream, unsigned long long offset,
              long long n) {
  for (long long b = thread_index(); 2 * b < n; b += thread_count()) {
    const uint4 words = philox(stream[0], stream[1] + offset + b);
    keys[2 * b] = joined(words.x, words.y) >> bits << bits | 2 * b;
    if (2 * b + 1 < n) keys[2 * b + 1] = joined(words.z, words.w) >> bits << bits | (2 * b + 1);
  }
}
