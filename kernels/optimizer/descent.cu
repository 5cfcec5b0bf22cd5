// Steps of SGD, ASGD and Rprop, which divide by no average. Launched by gpunn/optim/one_launch.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "optimizer/step.cuh"

// p -= rate g, or with a buffer v: v = momentum v + (1 - dampening) g, at first v = g; p -= rate v,
// Nesterov: p -= rate (g + momentum v). The record: 0 in the first step; momentum, dampening,
// is_nesterov.
struct SGD {
  static constexpr int STATES = 1;
  Direction direction;
  C rate, momentum, share;
  bool is_first, is_nesterov;

  static __device__ SGD of(const double* record) {
    const double* own = record + OWN;
    return {Direction::of(record),        static_cast<C>(record[RATE]), static_cast<C>(own[0]),
            static_cast<C>(1.0 - own[1]), record[STEP] == 0.0,          own[2] != 0.0};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& v, C&, C&) const {
    g = direction(p, g);
    if (momentum != C(0)) {
      v = is_first ? g : momentum * v + share * g;
      g = is_nesterov ? g + momentum * v : v;
    }
    p -= rate * g;
  }
  static __device__ void advance(double* record) { record[STEP] = 1.0; }
};

// p = (1 - lambd eta) p - eta g; a += mu (p - a). The record: step, eta, mu; lambd, alpha, t0.
struct ASGD {
  static constexpr int STATES = 1;
  Direction direction;
  C shrink, eta, mu;

  static __device__ ASGD of(const double* record) {
    return {Direction::of(record), static_cast<C>(1.0 - record[OWN] * record[SECOND]),
            static_cast<C>(record[SECOND]), static_cast<C>(record[THIRD])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& a, C&, C&) const {
    g = direction(p, g);
    p = p * shrink - eta * g;
    a = mu == C(1) ? p : a + mu * (p - a);
  }
  static __device__ void advance(double* record) {
    const double t = record[STEP] + 1.0, since = t - record[OWN + 2];
    record[STEP] = t;
    record[SECOND] = record[RATE] / pow(1.0 + record[OWN] * record[RATE] * t, record[OWN + 1]);
    record[THIRD] = 1.0 / (since > 1.0 ? since : 1.0);
  }
};

// s grows where g has kept its sign and shrinks where it has changed it, where g counts as 0;
// p -= sign(g) s. States: the g before, s. The record: factors that shrink and grow, least and
// greatest s.
struct Rprop {
  static constexpr int STATES = 2;
  Direction direction;
  C shrink, grow, least, greatest;

  static __device__ Rprop of(const double* record) {
    const double* own = record + OWN;
    return {Direction::of(record), static_cast<C>(own[0]), static_cast<C>(own[1]),
            static_cast<C>(own[2]), static_cast<C>(own[3])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& before, C& s, C&) const {
    g = direction(p, g);
    const C agreement = g * before;
    s *= agreement > C(0) ? grow : agreement < C(0) ? shrink : is_nan(agreement) ? agreement : C(1);
    s = s < least ? least : s > greatest ? greatest : s;
    if (agreement < C(0)) g = C(0);
    p -= g > C(0) ? s : g < C(0) ? -s : g * s;
    before = g;
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// The step of struct SGD, a piece a block; state v, or null.
// Bytes: 5 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sgd(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
        const int* sets, const int* pieces, long long arrays, long long count, int records_count) {
  step_all<SGD>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct ASGD, a piece a block; state a.
// Bytes: 5 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    asgd(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
         const int* sets, const int* pieces, long long arrays, long long count, int records_count) {
  step_all<ASGD>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct Rprop, a piece a block; states before, s.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    rprop(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
          const int* sets, const int* pieces, long long arrays, long long count,
          int records_count) {
  step_all<Rprop>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}
