// The cells of recurrent nets: what one unit does in one step, and its derivative.
// x: the unit's sums over the input, h: over the state before, biases included, one for each gate.
// `kept` is what the derivative needs of the step.
#pragma once
#include "activation/channels.cuh"
#include "activation/formulas.cuh"

// i, f, o = sigmoid(x + h), g = tanh(x + h); c = f c + i g; y = o tanh(c). Gates i, f, g, o.
// Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997), with the forget gate of Gers.
struct LstmCell {
  static constexpr int GATES = 4, KEPT = 4;
  static constexpr bool HAS_MEMORY = true;
  template <class C>
  static __device__ __forceinline__ C forward(const C (&x)[GATES], const C (&h)[GATES], C, C& c,
                                              C (&kept)[4]) {
    const C i = sigmoid(x[0] + h[0]), f = sigmoid(x[1] + h[1]);
    const C g = tanh(x[2] + h[2]), o = sigmoid(x[3] + h[3]);
    c = f * c + i * g;
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o;
    return o * tanh(c);
  }
  // dy: of the output. dc: of the memory after the step, then before it. Returns what of the
  // gradient goes to the state before without passing the gates.
  template <class C>
  static __device__ __forceinline__ C backward(C (&dx)[GATES], C (&dh)[GATES], C& dc, C dy, C, C c,
                                               C, C c_before, const C (&kept)[4]) {
    const C i = kept[0], f = kept[1], g = kept[2], o = kept[3], t = tanh(c);
    const C d = dc + dy * o * (C(1) - t * t);
    dx[0] = dh[0] = d * g * ((C(1) - i) * i);
    dx[1] = dh[1] = d * c_before * ((C(1) - f) * f);
    dx[2] = dh[2] = d * i * (C(1) - g * g);
    dx[3] = dh[3] = dy * t * ((C(1) - o) * o);
    dc = d * f;
    return C(0);
  }
};

// r, z = sigmoid(x + h), n = tanh(x + r h); y = (1 - z) n + z y_before. Gates r, z, n.
// Source: Cho et al., arXiv:1406.1078, with the reset gate behind the product, as in cuDNN.
struct GruCell {
  static constexpr int GATES = 3, KEPT = 4;
  static constexpr bool HAS_MEMORY = false;
  template <class C>
  static __device__ __forceinline__ C forward(const C (&x)[GATES], const C (&h)[GATES], C before,
                                              C&, C (&kept)[4]) {
    const C r = sigmoid(x[0] + h[0]), z = sigmoid(x[1] + h[1]), n = tanh(x[2] + r * h[2]);
    kept[0] = r, kept[1] = z, kept[2] = n, kept[3] = h[2];
    return n + z * (before - n);
  }
  template <class C>
  static __device__ __forceinline__ C backward(C (&dx)[GATES], C (&dh)[GATES], C&, C dy, C, C,
                                               C before, C, const C (&kept)[4]) {
    const C r = kept[0], z = kept[1], n = kept[2];
    dx[2] = dy * (C(1) - z) * (C(1) - n * n);
    dh[2] = dx[2] * r;
    dx[0] = dh[0] = dx[2] * kept[3] * ((C(1) - r) * r);
    dx[1] = dh[1] = dy * (before - n) * ((C(1) - z) * z);
    return dy * z;
  }
};

// y = tanh(x + h).
struct TanhCell {
  static constexpr int GATES = 1, KEPT = 0;
  static constexpr bool HAS_MEMORY = false;
  template <class C>
  static __device__ __forceinline__ C forward(const C (&x)[1], const C (&h)[1], C, C&, C (&)[4]) {
    return tanh(x[0] + h[0]);
  }
  template <class C>
  static __device__ __forceinline__ C backward(C (&dx)[1], C (&dh)[1], C&, C dy, C y, C, C, C,
                                               const C (&)[4]) {
    dx[0] = dh[0] = dy * (C(1) - y * y);
    return C(0);
  }
};

// y = max(x + h, 0).
struct ReluCell {
  static constexpr int GATES = 1, KEPT = 0;
  static constexpr bool HAS_MEMORY = false;
  template <class C>
  static __device__ __forceinline__ C forward(const C (&x)[1], const C (&h)[1], C, C&, C (&)[4]) {
    return Relu::value(x[0] + h[0]);
  }
  template <class C>
  static __device__ __forceinline__ C backward(C (&dx)[1], C (&dh)[1], C&, C dy, C y, C, C, C,
                                               const C (&)[4]) {
    dx[0] = dh[0] = Relu::slope(y, dy);
    return C(0);
  }
};
