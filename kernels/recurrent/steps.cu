// A step of a recurrent layer without its GEMM. Launched by gpunn/ops/recurrent/cells.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "recurrent/cells.cuh"

using C = accumulate_t<T>;

// All kernels: n = rows * hidden units; a thread takes a unit of a row at a time. from_input,
// from_hidden, dx and dh: (rows, gates, hidden), kept: (rows, 4, hidden), the others (rows,
// hidden). Formulas: recurrent/cells.cuh.

struct Before {
  const T *h, *c;  // state and memory before the step
};

template <class Cell>
__device__ __forceinline__ void forward_units(T* y, T* c, T* kept, const T* from_input,
                                              const T* from_hidden, const T* bias, Before before,
                                              long long hidden, long long n) {
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long row = quotient(i, hidden), unit = i - row * hidden;
    C x[Cell::GATES], h[Cell::GATES], k[4];
#pragma unroll
    for (int g = 0; g < Cell::GATES; ++g) {
      const long long at = (row * Cell::GATES + g) * hidden + unit;
      x[g] = to_compute(from_input[at]);
      h[g] = to_compute(from_hidden[at]);
      if (bias != nullptr) h[g] += to_compute(bias[g * hidden + unit]);
    }
    C memory = Cell::HAS_MEMORY ? to_compute(before.c[i]) : C(0);
    const C h_before = before.h != nullptr ? to_compute(before.h[i]) : C(0);
    y[i] = from_compute<T>(Cell::forward(x, h, h_before, memory, k));
    if (Cell::HAS_MEMORY) c[i] = from_compute<T>(memory);
#pragma unroll
    for (int g = 0; g < Cell::KEPT; ++g)
      kept[(row * Cell::KEPT + g) * hidden + unit] = from_compute<T>(k[g]);
  }
}

// The gradient of the output is dy + carry, and in the first n_later elements + product as well.
// carry becomes what goes to the state before the step past the gates. dh may be null: it is dx.
template <class Cell>
__device__ __forceinline__ void backward_units(T* dx, T* dh, T* carry, T* dc, const T* dy,
                                               const T* product, const T* kept, const T* y,
                                               const T* c, Before before, long long hidden,
                                               long long n_later, long long n) {
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long row = quotient(i, hidden), unit = i - row * hidden;
    C to_x[Cell::GATES], to_h[Cell::GATES], k[4];
#pragma unroll
    for (int g = 0; g < Cell::KEPT; ++g)
      k[g] = to_compute(kept[(row * Cell::KEPT + g) * hidden + unit]);
    C d = to_compute(dy[i]) + to_compute(carry[i]);
    if (i < n_later) d += to_compute(product[i]);
    C memory = Cell::HAS_MEMORY ? to_compute(dc[i]) : C(0);
    const C past = Cell::backward(to_x, to_h, memory, d, y != nullptr ? to_compute(y[i]) : C(0),
                                  Cell::HAS_MEMORY ? to_compute(c[i]) : C(0),
                                  before.h != nullptr ? to_compute(before.h[i]) : C(0),
                                  Cell::HAS_MEMORY ? to_compute(before.c[i]) : C(0), k);
    carry[i] = from_compute<T>(past);
    if (Cell::HAS_MEMORY) dc[i] = from_compute<T>(memory);
#pragma unroll
    for (int g = 0; g < Cell::GATES; ++g) {
      const long long at = (row * Cell::GATES + g) * hidden + unit;
      dx[at] = from_compute<T>(to_x[g]);
      if (dh != nullptr) dh[at] = from_compute<T>(to_h[g]);
    }
  }
}

// Bytes: 15 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    lstm_forward(T* __restrict__ y, T* __restrict__ c, T* __restrict__ kept,
                 const T* __restrict__ from_input, const T* __restrict__ from_hidden,
                 const T* __restrict__ c_before, long long hidden, long long n) {
  forward_units<LstmCell>(y, c, kept, from_input, from_hidden, nullptr, {nullptr, c_before}, hidden,
                          n);
}

// Bytes: 16 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    lstm_backward(T* __restrict__ dx, T* __restrict__ carry, T* __restrict__ dc,
                  const T* __restrict__ dy, const T* __restrict__ product,
                  const T* __restrict__ kept, const T* __restrict__ c,
                  const T* __restrict__ c_before, long long hidden, long long n_later,
                  long long n) {
  backward_units<LstmCell>(dx, nullptr, carry, dc, dy, product, kept, nullptr, c,
                           {nullptr, c_before}, hidden, n_later, n);
}

// bias: (gates, hidden), added to from_hidden.
// Bytes: 12 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gru_forward(T* __restrict__ y, T* __restrict__ kept, const T* __restrict__ from_input,
                const T* __restrict__ from_hidden, const T* __restrict__ bias,
                const T* __restrict__ h_before, long long hidden, long long n) {
  forward_units<GruCell>(y, nullptr, kept, from_input, from_hidden, bias, {h_before, nullptr},
                         hidden, n);
}

// Bytes: 15 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    gru_backward(T* __restrict__ dx, T* __restrict__ dh, T* __restrict__ carry,
                 const T* __restrict__ dy, const T* __restrict__ product,
                 const T* __restrict__ kept, const T* __restrict__ h_before, long long hidden,
                 long long n_later, long long n) {
  backward_units<GruCell>(dx, dh, carry, nullptr, dy, product, kept, nullptr, nullptr,
                          {h_before, nullptr}, hidden, n_later, n);
}

// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_forward(T* __restrict__ y, const T* __restrict__ from_input,
                 const T* __restrict__ from_hidden, long long hidden, long long n) {
  forward_units<TanhCell>(y, nullptr, nullptr, from_input, from_hidden, nullptr, {}, hidden, n);
}

// Bytes: 6 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    tanh_backward(T* __restrict__ dx, T* __restrict__ carry, const T* __restrict__ dy,
                  const T* __restrict__ product, const T* __restrict__ y, long long hidden,
                  long long n_later, long long n) {
  backward_units<TanhCell>(dx, nullptr, carry, nullptr, dy, product, nullptr, y, nullptr, {},
                           hidden, n_later, n);
}

// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_forward(T* __restrict__ y, const T* __restrict__ from_input,
                 const T* __restrict__ from_hidden, long long hidden, long long n) {
  forward_units<ReluCell>(y, nullptr, nullptr, from_input, from_hidden, nullptr, {}, hidden, n);
}

// Bytes: 6 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    relu_backward(T* __restrict__ dx, T* __restrict__ carry, const T* __restrict__ dy,
                  const T* __restrict__ product, const T* __restrict__ y, long long hidden,
                  long long n_later, long long n) {
  backward_units<ReluCell>(dx, nullptr, carry, nullptr, dy, product, nullptr, y, nullptr, {},
                           hidden, n_later, n);
}
