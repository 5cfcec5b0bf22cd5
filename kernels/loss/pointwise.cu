// Losses of each number against its target. Launched by gpunn/ops/loss/pointwise.py.
// T: float, double, __half, __nv_bfloat16
// LOSS: Squared, Absolute, SmoothAbsolute, Huber, Probability, Logits, Divergence, DivergenceOfLogs, HingeEmbedding, SoftMargin, CosineEmbedding, Hinge, Poisson
// BLOCK: 256
#include "common.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// Each loss is a struct of its numbers a, b, c with value(x, t), the slopes dx(x, t) and dt(x, t),
// and p, a weight of positive targets that only Logits looks at.
struct Numbers {
  C a, b, c;
};

__device__ __forceinline__ C clamped(C x, C low, C high) {
  return x < low ? low : x > high ? high : x;
}
__device__ __forceinline__ C softplus(C x) {  // log(1 + exp(x))
  return (x > 0 || is_nan(x) ? x : C(0)) + log1p(exp(-abs(x)));
}
__device__ __forceinline__ C sigmoid(C x) {
  const C e = exp(-abs(x));
  return (x < 0 ? e : C(1)) / (C(1) + e);
}
__device__ __forceinline__ C log_above(C x, C low) {  // log x, no smaller than low
  const C y = log(x);
  return y < low ? low : y;
}

struct Squared : Numbers {
  __device__ C value(C x, C t, C) const { return (x - t) * (x - t); }
  __device__ C dx(C x, C t, C) const { return C(2) * (x - t); }
  __device__ C dt(C x, C t, C) const { return C(2) * (t - x); }
};

struct Absolute : Numbers {
  __device__ C value(C x, C t, C) const { return abs(x - t); }
  __device__ C dx(C x, C t, C) const { return C((x > t) - (x < t)); }  // 0 at NaN, as in PyTorch
  __device__ C dt(C x, C t, C) const { return C((t > x) - (t < x)); }
};

// (x - t)^2 / (2 a) where |x - t| < a, else |x - t| - a / 2.
struct SmoothAbsolute : Numbers {
  __device__ C value(C x, C t, C) const {
    const C d = abs(x - t);
    return d < a ? C(0.5) * d * d / a : d - C(0.5) * a;
  }
  __device__ C dx(C x, C t, C) const { return clamped((x - t) / a, C(-1), C(1)); }
  __device__ C dt(C x, C t, C) const { return clamped((t - x) / a, C(-1), C(1)); }
};

// (x - t)^2 / 2 where |x - t| <= a, else a (|x - t| - a / 2).
struct Huber : Numbers {
  __device__ C value(C x, C t, C) const {
    const C d = abs(x - t);
    return d <= a ? C(0.5) * d * d : a * (d - C(0.5) * a);
  }
  __device__ C dx(C x, C t, C) const { return clamped(x - t, -a, a); }
  __device__ C dt(C x, C t, C) const { return clamped(t - x, -a, a); }
};

// -(t log x + (1 - t) log(1 - x)), logarithms no smaller than -100.
struct Probability : Numbers {
  __device__ C value(C x, C t, C) const { return (t - C(1)) * other(x) - t * log_above(x, -100); }
  __device__ C dx(C x, C t, C) const {
    const C spread = x * (C(1) - x);
    return (x - t) / (spread < C(1e-12) ? C(1e-12) : spread);
  }
  __device__ C dt(C x, C, C) const { return other(x) - log_above(x, -100); }
  __device__ C other(C x) const {
    const C y = log1p(-x);
    return y < C(-100) ? C(-100) : y;
  }
};

// The same of sigmoid(x): (1 - t) x + (1 + (p - 1) t) log(1 + exp(-x)).
struct Logits : Numbers {
  __device__ C value(C x, C t, C p) const {
    return (C(1) - t) * x + (C(1) + (p - C(1)) * t) * softplus(-x);
  }
  __device__ C dx(C x, C t, C p) const {
    return (C(1) - t) - (C(1) + (p - C(1)) * t) * sigmoid(-x);
  }
  __device__ C dt(C x, C, C p) const {
    return p == C(1) ? -x : (p - C(1)) * softplus(-x) - x;  // not 0 * infinity
  }
};

// t (log t - x), 0 where t is 0.
struct Divergence : Numbers {
  __device__ C value(C x, C t, C) const { return (t == C(0) ? C(0) : t * log(t)) - t * x; }
  __device__ C dx(C, C t, C) const { return -t; }
  __device__ C dt(C x, C t, C) const { return log(t) + C(1) - x; }
};

// exp(t) (t - x).
struct DivergenceOfLogs : Numbers {
  __device__ C value(C x, C t, C) const { return exp(t) * (t - x); }
  __device__ C dx(C, C t, C) const { return -exp(t); }
  __device__ C dt(C x, C t, C) const { return exp(t) * (t - x + C(1)); }
};

// x where t is not -1, and max(0, a - x) where t is not 1.
struct HingeEmbedding : Numbers {
  __device__ C value(C x, C t, C) const {
    const C rest = a - x < C(0) ? C(0) : a - x;
    return (t == C(1) ? C(0) : rest) + (t == C(-1) ? C(0) : x);
  }
  __device__ C dx(C x, C t, C) const { return C(t != C(-1)) - C(t != C(1) && a - x >= C(0)); }
  __device__ C dt(C, C, C) const { return C(0); }
};

// log(1 + exp(-t x)).
struct SoftMargin : Numbers {
  __device__ C value(C x, C t, C) const { return softplus(-t * x); }
  __device__ C dx(C x, C t, C) const { return -t * sigmoid(-t * x); }
  __device__ C dt(C x, C t, C) const { return -x * sigmoid(-t * x); }
};

// 1 - x where t is 1, max(0, x - a) where t is -1, else 0.
struct CosineEmbedding : Numbers {
  __device__ C value(C x, C t, C) const {
    const C rest = x - a < C(0) ? C(0) : x - a;
    return t == C(1) ? C(1) - x : t == C(-1) ? rest : C(0);
  }
  __device__ C dx(C x, C t, C) const { return C(t == C(-1) && x - a >= C(0)) - C(t == C(1)); }
  __device__ C dt(C, C, C) const { return C(0); }
};

// max(0, a - t x).
struct Hinge : Numbers {
  __device__ C value(C x, C t, C) const {
    const C rest = a - t * x;
    return rest < C(0) ? C(0) : rest;
  }
  __device__ C dx(C x, C t, C) const { return a - t * x >= C(0) ? -t : C(0); }
  __device__ C dt(C x, C t, C) const { return a - t * x >= C(0) ? -x : C(0); }
};

// exp(x) - t x if a, else x - t log(x + c); if b, log t! by Stirling's formula more where t > 1.
struct Poisson : Numbers {
  __device__ C value(C x, C t, C) const {
    const C two_pi = C(6.283185307179586);
    const C rate = a != C(0) ? exp(x) - t * x : x - t * log(x + c);
    return b != C(0) && t > C(1) ? rate + t * log(t) - t + C(0.5) * log(two_pi * t) : rate;
  }
  __device__ C dx(C x, C t, C) const { return a != C(0) ? exp(x) - t : C(1) - t / (x + c); }
  __device__ C dt(C x, C t, C) const {
    const C slope = a != C(0) ? -x : -log(x + c);
    return b != C(0) && t > C(1) ? slope + log(t) + C(0.5) / t : slope;
  }
};

constexpr int LENGTH = Vector<T>::LENGTH;

// 16 bytes of the n elements x, from element i on; zeros behind the last.
__device__ __forceinline__ Vector<T> loaded(const T* x, long long i, long long n, bool is_aligned) {
  if (is_aligned && i + LENGTH <= n) return load_vector(x + i);
  Vector<T> found;
#pragma unroll
  for (int k = 0; k < LENGTH; ++k) found.at[k] = i + k < n ? x[i + k] : from_compute<T>(C(0));
  return found;
}

__device__ __forceinline__ void keep(T* y, long long i, long long n, const Vector<T>& values,
                                     bool is_aligned) {
  if (is_aligned && i + LENGTH <= n) return store_vector(y + i, values);
#pragma unroll
  for (int k = 0; k < LENGTH; ++k) {
    if (i + k < n) y[i + k] = values.at[k];
  }
}

// A weight that repeats after n numbers, from element i on; 1 if n is 0: there is none.
struct Repeated {
  const T* weight;
  long long n, at;

  __device__ __forceinline__ Repeated(const T* weight, long long n, long long i)
      : weight(weight), n(n), at(n > 1 ? i % n : 0) {}
  __device__ __forceinline__ C next() {
    if (n == 0) return C(1);
    const C found = to_compute(weight[at]);
    at = at + 1 == n ? 0 : at + 1;
    return found;
  }
};

// y[i] = weight * value(x[i], t[i]), n elements. weight and positive (of positive targets) repeat
// after weights and positives numbers, or are left out if that is 0. A thread takes 16 bytes.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_each(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ t,
                   const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                   long long weights, long long positives, double a, double b, double c) {
  const LOSS f{static_cast<C>(a), static_cast<C>(b), static_cast<C>(c)};
  const bool is_aligned = are_aligned(y, x, t);
  for (long long v = thread_index(); v * LENGTH < n; v += thread_count()) {
    const long long i = v * LENGTH;
    const Vector<T> numbers = loaded(x, i, n, is_aligned), targets = loaded(t, i, n, is_aligned);
    Repeated each(weight, weights, i), of_positive(positive, positives, i);
    Vector<T> losses;
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const C p = of_positive.next();
      const C value = f.value(to_compute(numbers.at[k]), to_compute(targets.at[k]), p);
      losses.at[k] = from_compute<T>(value * each.next());
    }
    keep(y, i, n, losses, is_aligned);
  }
}

// sums[b] = the sum of what pointwise_each would write, in double, over the elements that block b
// meets: 16 bytes at a time, aligned or not. The grid depends on n only.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_sum(double* __restrict__ sums, const T* __restrict__ x, const T* __restrict__ t,
                  const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                  long long weights, long long positives, double a, double b, double c) {
  const LOSS f{static_cast<C>(a), static_cast<C>(b), static_cast<C>(c)};
  const bool is_aligned = are_aligned(x, t);
  double sum = 0.0;
  for (long long v = thread_index(); v * LENGTH < n; v += thread_count()) {
    const long long i = v * LENGTH;
    const Vector<T> numbers = loaded(x, i, n, is_aligned), targets = loaded(t, i, n, is_aligned);
    Repeated each(weight, weights, i), of_positive(positive, positives, i);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const C p = of_positive.next(), w = each.next();
      const C value = f.value(to_compute(numbers.at[k]), to_compute(targets.at[k]), p);
      if (i + k < n) sum += value * w;
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// dx[i] = dx(x[i], t[i]) * weight * grad * scale if needs_x, dt likewise if needs_t. grad is one
// number, or one for each element if `each`. A thread takes 16 bytes.
// Bytes: (2 + needs_x + needs_t + each) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_backward(T* __restrict__ dx, T* __restrict__ dt, const T* __restrict__ grad,
                       const T* __restrict__ x, const T* __restrict__ t,
                       const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                       long long weights, long long positives, double a, double b, double c,
                       double scale, bool each, bool needs_x, bool needs_t) {
  const LOSS f{static_cast<C>(a), static_cast<C>(b), static_cast<C>(c)};
  const bool is_aligned = are_aligned(dx, dt, x, t) && (!each || are_aligned(grad));
  const C all = each ? C(0) : static_cast<C>(to_compute(grad[0]) * scale);
  for (long long v = thread_index(); v * LENGTH < n; v += thread_count()) {
    const long long i = v * LENGTH;
    const Vector<T> numbers = loaded(x, i, n, is_aligned), targets = loaded(t, i, n, is_aligned);
    Vector<T> factors, slopes_x, slopes_t;
    if (each) factors = loaded(grad, i, n, is_aligned);
    Repeated weight_of(weight, weights, i), of_positive(positive, positives, i);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      const C factor = (each ? to_compute(factors.at[k]) : all) * weight_of.next();
      const C number = to_compute(numbers.at[k]), target = to_compute(targets.at[k]);
      const C p = of_positive.next();
      if (needs_x) slopes_x.at[k] = from_compute<T>(f.dx(number, target, p) * factor);
      if (needs_t) slopes_t.at[k] = from_compute<T>(f.dt(number, target, p) * factor);
    }
    if (needs_x) keep(dx, i, n, slopes_x, is_aligned);
    if (needs_t) keep(dt, i, n, slopes_t, is_aligned);
  }
}
