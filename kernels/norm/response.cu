// Local response normalisation, forward and backward. Launched by gpunn/ops/norm/response.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "norm/parts.cuh"

__device__ __forceinline__ float power(float x, float y) { return powf(x, y); }
__device__ __forceinline__ double power(double x, double y) { return pow(x, y); }

// The sum of f(channel) over the channels from c - before up to c + after that there are.
template <class A, class F>
__device__ __forceinline__ A window_sum(long long c, long long before, long long after,
                                        long long channels, F f) {
  const long long start = c < before ? 0 : c - before;
  const long long end = channels - c <= after ? channels : c + after + 1;
  A sum = 0;
  for (long long j = start; j < end; ++j) sum += A(f(j));
  return sum;
}

// A long sum is taken in double.
template <class F>
__device__ __forceinline__ C window(long long c, long long before, long long after,
                                    long long channels, F f) {
  if (before + after > 256) return C(window_sum<double>(c, before, after, channels, f));
  return window_sum<C>(c, before, after, channels, f);
}

// y = x / base^beta, base = k + alpha / (before + after + 1) · Σ x² over the channels from
// `before` before to `after` behind. x, y, base: (n / channels / span, channels, span). A thread
// takes an element.
// Bytes: n * (2 * sizeof(T) + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    response_forward(T* __restrict__ y, C* __restrict__ base, const T* __restrict__ x, long long n,
                     long long channels, long long span, long long before, long long after,
                     double alpha, double beta, double k) {
  const C share = C(alpha / double(before + after + 1));
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long c = quotient(i, span) % channels;
    const T* first = x + (i - c * span);
    const C sum = window(c, before, after, channels, [&](long long j) {
      const C v = to_compute(first[j * span]);
      return v * v;
    });
    const C b = C(k) + share * sum;
    base[i] = b;
    y[i] = from_compute<T>(to_compute(x[i]) / power(b, C(beta)));
  }
}

// dx = dy · base^-beta - 2 · alpha · beta / (before + after + 1) · x · Σ dy · x · base^(-beta - 1)
// over the channels whose windows have this one: from `after` before to `before` behind. Shapes
// and threads as above.
// Bytes: n * (3 * sizeof(T) + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    response_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                      const C* __restrict__ base, long long n, long long channels, long long span,
                      long long before, long long after, double alpha, double beta) {
  const C share = C(2 * alpha * beta / double(before + after + 1));
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long c = quotient(i, span) % channels, first = i - c * span;
    const C sum = window(c, after, before, channels, [&](long long j) {
      const long long at = first + j * span;
      return C(to_compute(dy[at])) * to_compute(x[at]) * power(base[at], C(-beta - 1));
    });
    const C g = to_compute(dy[i]), v = to_compute(x[i]);
    dx[i] = from_compute<T>(g * power(base[i], C(-beta)) - share * v * sum);
  }
}
