// Steps of Adam and its relatives. Launched by gpunn/optim/one_launch.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "optimizer/step.cuh"

// The factor that decoupled weight decay shrinks parameters by; takes the decay out of `direction`.
__device__ __forceinline__ C shrinking(const double* record, bool is_decoupled,
                                       Direction& direction) {
  if (!is_decoupled) return C(1);
  direction.decay = C(0);
  return static_cast<C>(1.0 - record[RATE] * record[DECAY]);
}

// m += (1 - b1) (g - m), v = b2 v + (1 - b2) g^2: what all of Adam's family but Adamax keep.
struct Averages {
  C one_minus_b1, b2, one_minus_b2;

  __device__ __forceinline__ void operator()(C g, C& m, C& v) const {
    m += one_minus_b1 * (g - m);
    v = b2 * v + one_minus_b2 * g * g;
  }
};

__device__ __forceinline__ Averages averages(const double* betas) {
  return {static_cast<C>(1.0 - betas[0]), static_cast<C>(betas[1]), static_cast<C>(1.0 - betas[1])};
}

// p -= rate m / (root(v) / root + eps), with the largest v so far if is_amsgrad. The record: b1,
// b2, eps, is_decoupled, is_amsgrad.
struct Adam {
  static constexpr int STATES = 3;
  Direction direction;
  Averages averages;
  C shrink, step_size, root, eps;
  bool is_amsgrad;

  static __device__ Adam of(const double* record) {
    const double* own = record + OWN;
    const double t = record[STEP] + 1.0;
    Direction direction = Direction::of(record);
    const C shrink = shrinking(record, own[3] != 0.0, direction);
    return {direction,
            ::averages(own),
            shrink,
            static_cast<C>(record[RATE] / (1.0 - pow(own[0], t))),
            static_cast<C>(sqrt(1.0 - pow(own[1], t))),
            static_cast<C>(own[2]),
            own[4] != 0.0};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& m, C& v, C& largest) const {
    p *= shrink;
    averages(direction(p, g), m, v);
    if (is_amsgrad) largest = largest > v || is_nan(largest) ? largest : v;
    p -= step_size * (m / (sqrt(is_amsgrad ? largest : v) / root + eps));
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// p -= by_g g / d + by_m m / d, d = root(v / (1 - b2^t)) + eps. The record: the step, the product
// of all mu, whether that is kept in float32; b1, b2, eps, is_decoupled, momentum_decay.
struct NAdam {
  static constexpr int STATES = 2;
  Direction direction;
  Averages averages;
  C shrink, by_g, by_m, correction, eps;

  static __device__ __forceinline__ double mu(const double* record, double t) {
    return record[OWN] * (1.0 - 0.5 * pow(0.96, t * record[OWN + 4]));
  }
  static __device__ __forceinline__ double times(const double* record, double mu) {
    if (record[THIRD] == 0.0) return record[SECOND] * mu;
    return static_cast<float>(record[SECOND]) * static_cast<float>(mu);
  }
  static __device__ NAdam of(const double* record) {
    const double* own = record + OWN;
    const double t = record[STEP] + 1.0, now = mu(record, t), next = mu(record, t + 1.0);
    const double product = times(record, now);
    Direction direction = Direction::of(record);
    const C shrink = shrinking(record, own[3] != 0.0, direction);
    return {direction,
            ::averages(own),
            shrink,
            static_cast<C>(record[RATE] * (1.0 - now) / (1.0 - product)),
            static_cast<C>(record[RATE] * next / (1.0 - product * next)),
            static_cast<C>(1.0 - pow(own[1], t)),
            static_cast<C>(own[2])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& m, C& v, C&) const {
    p *= shrink;
    g = direction(p, g);
    averages(g, m, v);
    const C d = sqrt(v / correction) + eps;
    p -= by_g * (g / d);
    p -= by_m * (m / d);
  }
  static __device__ void advance(double* record) {
    record[STEP] += 1.0;
    record[SECOND] = times(record, mu(record, record[STEP]));
  }
};

// p -= step_size m / (root(v) + eps), or step_size m while the variance of v has no estimate. The
// record: b1, b2, eps, is_decoupled.
struct RAdam {
  static constexpr int STATES = 2;
  Direction direction;
  Averages averages;
  C shrink, step_size, eps;
  bool is_adaptive;

  static __device__ RAdam of(const double* record) {
    const double* own = record + OWN;
    const double t = record[STEP] + 1.0, power = pow(own[1], t), longest = 2 / (1 - own[1]) - 1;
    const double length = longest - 2 * t * power / (1 - power);
    const double rectified = sqrt((1 - power) * (length - 4) * (length - 2) * longest /
                                  ((longest - 4) * (longest - 2) * length));
    const double step_size = record[RATE] / (1 - pow(own[0], t));
    Direction direction = Direction::of(record);
    const C shrink = shrinking(record, own[3] != 0.0, direction);
    return {direction,
            ::averages(own),
            shrink,
            static_cast<C>(length > 5 ? step_size * rectified : step_size),
            static_cast<C>(own[2]),
            length > 5};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& m, C& v, C&) const {
    p *= shrink;
    averages(direction(p, g), m, v);
    p -= step_size * (is_adaptive ? m / (sqrt(v) + eps) : m);
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// u = max(b2 u, |g| + eps), p -= step_size m / u. The record: b1, b2, eps.
struct Adamax {
  static constexpr int STATES = 2;
  Direction direction;
  C one_minus_b1, b2, step_size, eps;

  static __device__ Adamax of(const double* record) {
    const double* own = record + OWN;
    return {Direction::of(record), static_cast<C>(1.0 - own[0]), static_cast<C>(own[1]),
            static_cast<C>(record[RATE] / (1.0 - pow(own[0], record[STEP] + 1.0))),
            static_cast<C>(own[2])};
  }
  __device__ __forceinline__ void operator()(C& p, C g, C& m, C& u, C&) const {
    g = direction(p, g);
    m += one_minus_b1 * (g - m);
    const C faded = b2 * u, now = (g < C(0) ? -g : g) + eps;
    u = faded > now || is_nan(faded) ? faded : now;
    p -= step_size * (m / u);
  }
  static __device__ void advance(double* record) { record[STEP] += 1.0; }
};

// The step of struct Adam, a piece a block; states m, v, and the largest v or null.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    adam(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
         const int* sets, const int* pieces, long long arrays, long long count, int records_count) {
  step_all<Adam>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct NAdam, a piece a block; states m, v.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    nadam(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
          const int* sets, const int* pieces, long long arrays, long long count,
          int records_count) {
  step_all<NAdam>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct RAdam, a piece a block; states m, v.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    radam(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
          const int* sets, const int* pieces, long long arrays, long long count,
          int records_count) {
  step_all<RAdam>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}

// The step of struct Adamax, a piece a block; states m, u.
// Bytes: 7 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    adamax(T* const* addresses, double* records, unsigned int* done, const long long* sizes,
           const int* sets, const int* pieces, long long arrays, long long count,
           int records_count) {
  step_all<Adamax>(addresses, records, done, sizes, sets, pieces, arrays, count, records_count);
}
