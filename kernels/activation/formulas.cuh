// Activations f(x) and their derivatives as functions of one number, float or double. NaN stays
// NaN. Errors of float results: at most 4 units in the last place, with an exp of at most 2.
#pragma once
#include "common.cuh"

constexpr double E_64 = 1.6038108905486378e-28;  // exp(-64)
constexpr double SQRT_HALF = 0.7071067811865476;
constexpr double DENSITY_AT_0 = 0.3989422804014327;  // 1 / sqrt(2 pi)
constexpr double RATE = 1.5957691216057308;          // 2 sqrt(2 / pi), of the tanh form of gelu
constexpr double CUBIC = 0.044715 * RATE;

// x within [-bound, bound].
template <class C>
__device__ __forceinline__ C bounded(C x, double bound) {
  return x < C(-bound) ? C(-bound) : x > C(bound) ? C(bound) : x;
}

// exp(x) as a C. Of a large x a float holds too few digits: the rest comes as a factor 1 + rest.
template <class C>
__device__ __forceinline__ C exp_of(double x);
template <>
__device__ __forceinline__ float exp_of<float>(double x) {
  const float head = static_cast<float>(x);
  const float e = expf(head);
  return e > 0.0f ? fmaf(e, static_cast<float>(x - head), e) : e;
}
template <>
__device__ __forceinline__ double exp_of<double>(double x) {
  return exp(x);
}

template <class C>
__device__ __forceinline__ C sigmoid(C x) {
  return C(1) / (C(1) + exp(-x));
}

// x sigmoid(x). Below -64 it is x exp(x), where exp(x) alone may underflow: x + 64 is exact.
template <class C>
__device__ __forceinline__ C silu(C x) {
  if (x < C(-64)) {
    const C z = bounded(x, 1000);
    return z * exp(z + C(64)) * C(E_64);
  }
  return x / (C(1) + exp(-x));
}
template <class C>
__device__ __forceinline__ C silu_slope(C x) {
  const C z = bounded(x, 1000), s = sigmoid(z);
  return s * (C(1) + z * (C(1) - s));
}

// x tanh(log(1 + e)), e = exp(x): the tanh is (e^2 + 2 e) / (e^2 + 2 e + 2), which is 1 for x > 20.
template <class C>
__device__ __forceinline__ C mish(C x) {
  if (x < C(-64)) return silu(x);
  const C e = exp(x > C(20) ? C(20) : x), top = fma(e, e, C(2) * e);
  return x * (top / (top + C(2)));
}
template <class C>
__device__ __forceinline__ C mish_slope(C x) {
  const C z = x > C(20) ? C(20) : bounded(x, 1000);
  const C e = exp(z), top = fma(e, e, C(2) * e), inverse = C(1) / (top + C(2));
  return fma(z * (C(4) * e), (C(1) + e) * inverse, top) * inverse;
}

// exp(-t^2 / 2) with all digits of t^2, for 0 <= t <= 16, and what makes it 2 Phi(-t), the upper
// tail of the normal distribution, when divided by it: 1 + t r, r from sqrt(2 / pi) to sqrt(pi /
// 2).
struct Tail {
  float bell, divisor;
};
__device__ __forceinline__ Tail normal_tail(float t) {
  const float square = t * t, rest = fmaf(t, t, -square);
  const float e = expf(-0.5f * square);
  // Fitted in Chebyshev nodes, relative error of the divisor 7e-9 (gpunn/ops/activation/gated.py).
  float p = fmaf(t, 0.003564552951685259f, 0.028008927838765806f);
  p = fmaf(t, p, 0.09445594162783398f);
  p = fmaf(t, p, 0.136618483577001f);
  float q = fmaf(t, 0.0078271136383064f, 0.07866953119548982f);
  q = fmaf(t, q, 0.3589730994661204f);
  q = fmaf(t, q, 0.8667949424967973f);
  q = fmaf(t, q, 1.0f);
  const float r = fmaf(t, p / q, 0.7978845608028654f);
  return {fmaf(e, -0.5f * rest, e), fmaf(t, r, 1.0f)};
}

// x Phi(x).
__device__ __forceinline__ float gelu(float x) {
  const float t = fabsf(bounded(x, 16));
  const Tail tail = normal_tail(t);
  const float small = 0.5f * t / tail.divisor * tail.bell;
  return x > 0.0f ? x - small : -small;
}
__device__ __forceinline__ double gelu(double x) {
  const double t = fabs(bounded(x, 40));
  const double small = t * (0.5 * erfc(t * SQRT_HALF));
  return x > 0.0 ? x - small : -small;
}
__device__ __forceinline__ float gelu_slope(float x) {
  const float z = bounded(x, 16);
  const Tail tail = normal_tail(fabsf(z));
  const float small = 0.5f / tail.divisor * tail.bell;
  return (z > 0.0f ? 1.0f - small : small) + z * tail.bell * static_cast<float>(DENSITY_AT_0);
}
__device__ __forceinline__ double gelu_slope(double x) {
  const double z = bounded(x, 40);
  return 0.5 * erfc(-z * SQRT_HALF) + z * exp(-0.5 * z * z) * DENSITY_AT_0;
}

// x (1 + tanh u) / 2 = x sigmoid(2 u), 2 u = RATE x + CUBIC x^3.
template <class C>
__device__ __forceinline__ C tanh_gelu(C x) {
  const double z = x < C(-50) ? -50.0 : static_cast<double>(x);
  const double v = z * (RATE + CUBIC * z * z);
  if (v < -64.0) return static_cast<C>(z) * exp_of<C>(v + 64.0) * C(E_64);
  return x / (C(1) + exp_of<C>(-v));
}
template <class C>
__device__ __forceinline__ C tanh_gelu_slope(C x) {
  const C z = bounded(x, 50), square = z * z;
  const C s = sigmoid(z * (C(RATE) + C(CUBIC) * square));
  return s + s * (C(1) - s) * (z * (C(RATE) + C(3 * CUBIC) * square));
}

// Activations as the epilogues of other kernels: f(x), and dy f'(x).
struct Relu {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return x <= C(0) ? C(0) : x;
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    return x <= C(0) ? C(0) : dy;
  }
};
struct Gelu {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return gelu(x);
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    return dy * gelu_slope(x);
  }
};
struct TanhGelu {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return tanh_gelu(x);
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    return dy * tanh_gelu_slope(x);
  }
};
struct Silu {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return silu(x);
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    return dy * silu_slope(x);
  }
};
struct Tanh {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return tanh(x);
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    const C y = tanh(x);
    return dy * (C(1) - y * y);
  }
};
struct Sigmoid {
  template <class C>
  static __device__ __forceinline__ C value(C x) {
    return sigmoid(x);
  }
  template <class C>
  static __device__ __forceinline__ C slope(C x, C dy) {
    const C y = sigmoid(x);
    return dy * ((C(1) - y) * y);
  }
};
