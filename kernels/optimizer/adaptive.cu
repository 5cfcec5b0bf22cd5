// Steps of Adagrad, Adadelta and RMSprop. Launched by gpunn/optim/one_launch.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "optimizer/step.cuh"

// sum += g^2, p -= rate g / (root(sum) + eps). The record: lr_decay, eps.
struct Adagrad {
  static constexpr int STATES = 1;
  Direction direction;
  C rate, eps;

  static __device__ Adagrad of(const double* record) {
    return {Direction::of(record),
            static_cast<C>(record[RATE] / (1.0 + record[STEP] * record[OWN])),
            static_cast<C>(record[OWN + 1])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& sum, C&, C&) const {
    g = direction(p, g);
    sum += g * g;
    p -= rate * (g / (sqrt(sum) + eps));
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// v = rho v + (1 - rho) g^2, d = root(u + eps) / root(v + eps) g, u = rho u + (1 - rho) d^2,
// p -= rate d. The record: rho, eps.
struct Adadelta {
  static constexpr int STATES = 2;
  Direction direction;
  C rate, rho, rest, eps;

  static __device__ Adadelta of(const double* record) {
    return {Direction::of(record), static_cast<C>(record[RATE]), static_cast<C>(record[OWN]),
            static_cast<C>(1.0 - record[OWN]), static_cast<C>(record[OWN + 1])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& v, C& u, C&) const {
    g = direction(p, g);
    v = rho * v + rest * g * g;
    const C d = sqrt(u + eps) / sqrt(v + eps) * g;
    u = rho * u + rest * d * d;
    p -= rate * d;
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// v = alpha v + (1 - alpha) g^2, d = g / (root(v) + eps); centered: root(v - m^2) with the mean m
// of g. p -= rate d, or with momentum b = momentum b + d, p -= rate b. States v, b, m. The record:
// alpha, eps, momentum, is_centered.
struct RMSprop {
  static constexpr int STATES = 3;
  Direction direction;
  C rate, alpha, rest, eps, momentum;
  bool is_centered;

  static __device__ RMSprop of(const double* record) {
    const double* own = record + OWN;
    return {Direction::of(record),  static_cast<C>(record[RATE]),
            static_cast<C>(own[0]), static_cast<C>(1.0 - own[0]),
            static_cast<C>(own[1]), static_cast<C>(own[2]),
            own[3] != 0.0};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& v, C& b, C& m) const {
    g = direction(p, g);
    v = alpha * v + rest * g * g;
    C variance = v;
    if (is_centered) {
      m += rest * (g - m);
      variance = v - m * m;
    }
    C d = g / (sqrt(variance) + eps);
    if (momentum > C(0)) d = b = momentum * b + d;
    p -= rate * d;
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// The step of struct Adagrad, a piece a block; state sum.
// Bytes: 5 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    adagrad(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
            const int* sets, const int* pieces, long long arrays, long long count,
            int records_count) {
  step_all<Adagrad>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct Adadelta, a piece a block; states v, u.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    adadelta(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
             const int* sets, const int* pieces, long long arrays, long long count,
             int records_count) {
  step_all<Adadelta>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct RMSprop, a piece a block; states v, and b and m or null.
// Bytes: 9 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    rmsprop(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
            const int* sets, const int* pieces, long long arrays, long long count,
            int records_count) {
  step_all<RMSprop>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}
