// glu: one half times the sigmoid of the other. Launched by gpunn/ops/activation/glu.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "activation/channels.cuh"
#include "activation/formulas.cuh"

using C = accumulate_t<T>;

// y = a sigmoid(b). x: (outer, 2, half), its halves a and b; y: (outer, half), n elements. A thread
// takes an element at a time.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    glu_forward(T* __restrict__ y, const T* __restrict__ x, long long half, long long n) {
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const T* a = x + quotient(i, half) * half + i;
    y[i] = from_compute<T>(to_compute(a[0]) * sigmoid(to_compute(a[half])));
  }
}

// da = dy s, db = dy a s (1 - s), s = sigmoid(b), the halves of dx.
// Bytes: 5 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    glu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                 long long half, long long n) {
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long at = quotient(i, half) * half + i;
    const C a = to_compute(x[at]), s = sigmoid(to_compute(x[at + half])), g = to_compute(dy[i]);
    dx[at] = from_compute<T>(g * s);
    dx[at + half] = from_compute<T>(g * a * ((C(1) - s) * s));
  }
}
