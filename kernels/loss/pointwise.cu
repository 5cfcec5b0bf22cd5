// Losses of each number against its target. Launched by gpunn/ops/loss/pointwise.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "common.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// Each loss is a struct of its numbers a, b, c with value(x, t), the slopes dx(x, t) and dt(x, t),
// and p, a weight of positive targets that only Logits looks at. with_loss numbers them.
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

// max(0, a - t x).
struct Hinge : Numbers {
  __device__ C value(C x, C t, C) const {
    const C rest = a - t * x;
    return rest < C(0) ? C(0) : rest;
  }
  __device__ C dx(C x, C t, C) const { return a - t * x > C(0) ? -t : C(0); }
  __device__ C dt(C x, C t, C) const { return a - t * x > C(0) ? -x : C(0); }
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

// Calls body with loss number `loss`, in the order of FORMULAS in the Python twin.
template <class F>
__device__ __forceinline__ void with_loss(int loss, double a, double b, double c, F body) {
  const Numbers numbers{static_cast<C>(a), static_cast<C>(b), static_cast<C>(c)};
  switch (loss) {
    case 0:
      return body(Squared{numbers});
    case 1:
      return body(Absolute{numbers});
    case 2:
      return body(SmoothAbsolute{numbers});
    case 3:
      return body(Huber{numbers});
    case 4:
      return body(Probability{numbers});
    case 5:
      return body(Logits{numbers});
    case 6:
      return body(Divergence{numbers});
    case 7:
      return body(DivergenceOfLogs{numbers});
    case 8:
      return body(HingeEmbedding{numbers});
    case 9:
      return body(SoftMargin{numbers});
    case 10:
      return body(Hinge{numbers});
    case 11:
      return body(Poisson{numbers});
  }
}

// Element i of a weight that repeats after n numbers; 1 if n is 0: there is none.
__device__ __forceinline__ C weight_at(const T* weight, long long n, long long i) {
  return n == 0 ? C(1) : to_compute(weight[n == 1 ? 0 : i % n]);
}

// y[i] = weight * value(x[i], t[i]), n elements. weight and positive (of positive targets) repeat
// after weights and positives numbers, or are left out if that is 0. An element at a time: 16 bytes
// at a time would be compiled once for each loss and element, which takes ten seconds.
// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_each(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ t,
                   const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                   long long weights, long long positives, int loss, double a, double b, double c) {
  with_loss(loss, a, b, c, [=](auto f) {
#pragma unroll 1
    for (long long i = thread_index(); i < n; i += thread_count()) {
      const C value =
          f.value(to_compute(x[i]), to_compute(t[i]), weight_at(positive, positives, i));
      y[i] = from_compute<T>(value * weight_at(weight, weights, i));
    }
  });
}

// sums[b] = the sum of what pointwise_each would write, in double, over the elements that block b
// meets. The grid depends on n only.
// Bytes: 2 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_sum(double* __restrict__ sums, const T* __restrict__ x, const T* __restrict__ t,
                  const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                  long long weights, long long positives, int loss, double a, double b, double c) {
  double sum = 0.0;
  with_loss(loss, a, b, c, [=, &sum](auto f) {
#pragma unroll 1
    for (long long i = thread_index(); i < n; i += thread_count()) {
      const C value =
          f.value(to_compute(x[i]), to_compute(t[i]), weight_at(positive, positives, i));
      sum += value * weight_at(weight, weights, i);
    }
  });
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// dx[i] = dx(x[i], t[i]) * weight * grad * scale if needs_x, dt likewise if needs_t. grad is one
// number, or one for each element if `each`.
// Bytes: (2 + needs_x + needs_t + each) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    pointwise_backward(T* __restrict__ dx, T* __restrict__ dt, const T* __restrict__ grad,
                       const T* __restrict__ x, const T* __restrict__ t,
                       const T* __restrict__ weight, const T* __restrict__ positive, long long n,
                       long long weights, long long positives, int loss, double a, double b,
                       double c, double scale, bool each, bool needs_x, bool needs_t) {
  const C all = each ? C(0) : static_cast<C>(to_compute(grad[0]) * scale);
  with_loss(loss, a, b, c, [=](auto f) {
#pragma unroll 1
    for (long long i = thread_index(); i < n; i += thread_count()) {
      const C factor = (each ? to_compute(grad[i]) : all) * weight_at(weight, weights, i);
      const C number = to_compute(x[i]), target = to_compute(t[i]);
      const C p = weight_at(positive, positives, i);
      if (needs_x) dx[i] = from_compute<T>(f.dx(number, target, p) * factor);
      if (needs_t) dt[i] = from_compute<T>(f.dt(number, target, p) * factor);
    }
  });
}
