// Dropout, forward and backward. Launched by gpunn/ops/dropout.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "random.cuh"

using C = accumulate_t<T>;

// What becomes of kept elements, x scale + shift, and of the others.
struct Fate {
  C scale, shift, dropped;

  __device__ __forceinline__ T of(T x, bool is_kept) const {
    const C value = to_compute(x);
    return from_compute<T>(is_kept ? fma(value, scale, shift) : fma(value, C(0), dropped));
  }
};

// Four elements, moved by one or two instructions if they are aligned.
struct alignas(sizeof(T) == 2 ? 8 : 16) Four {
  T at[4];
};

// y = u < keep ? x scale + shift : dropped (NaN if x is NaN or infinite), u uniform in [0, 1). x,
// y: n elements. u of element i is number i of a draw in float, of `stream` from block
// `offset` on. A thread takes the four elements of a block. With shift and dropped 0, the backward.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    dropout(T* __restrict__ y, const T* __restrict__ x, float keep, double scale, double shift,
            double dropped, const unsigned long long* __restrict__ stream,
            unsigned long long offset, long long n) {
  const Fate fate{C(scale), C(shift), C(dropped)};
  const bool in_fours = are_aligned(x, y);
  for (long long b = thread_index(); 4 * b < n; b += thread_count()) {
    const Draws<float> draws = uniform_draws<float>(stream[0], stream[1] + offset + b);
    if (in_fours && 4 * b + 4 <= n) {
      Four four = reinterpret_cast<const Four*>(x)[b];
#pragma unroll
      for (int k = 0; k < 4; ++k) four.at[k] = fate.of(four.at[k], draws.at[k] < keep);
      reinterpret_cast<Four*>(y)[b] = four;
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        if (4 * b + k < n) y[4 * b + k] = fate.of(x[4 * b + k], draws.at[k] < keep);
      }
    }
  }
}

// The same where element (a, b, c) of x (A, B, C) has number a a_step + b b_step + c c_step: for
// whole channels, and for other orders in memory. `rows` is B, `length` is C. A thread takes four
// elements at a time, and makes a block of the stream whenever it needs another one.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    dropout_strided(T* __restrict__ y, const T* __restrict__ x, float keep, double scale,
                    double shift, double dropped, const unsigned long long* __restrict__ stream,
                    unsigned long long offset, long long rows, long long length, long long a_step,
                    long long b_step, long long c_step, long long n) {
  const Fate fate{C(scale), C(shift), C(dropped)};
  for (long long first = 4 * thread_index(); first < n; first += 4 * thread_count()) {
    const long long line = first / length;
    long long c = first - line * length, a = line / rows, b = line - a * rows, known = -1;
    uint4 words = make_uint4(0, 0, 0, 0);
    for (int k = 0; k < 4 && first + k < n; ++k) {
      const long long number = a * a_step + b * b_step + c * c_step;
      if (number / 4 != known) {
        known = number / 4;
        words = philox(stream[0], stream[1] + offset + known);
      }
      const int part = static_cast<int>(number % 4);
      const unsigned word = part < 2 ? (part ? words.y : words.x) : part == 2 ? words.z : words.w;
      const float u = static_cast<float>(word >> 8) * 0x1p-24f;
      y[first + k] = fate.of(x[first + k], u < keep);
      if (++c == length) {
        c = 0;
        if (++b == rows) b = 0, ++a;
      }
    }
  }
}
