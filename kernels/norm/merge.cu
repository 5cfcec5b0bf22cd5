// Pieces of moments and of sums put together. Launched by gpunn/ops/norm/launches.py.
// (P, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "norm/parts.cuh"

// The moments of statistic (a, b), merged by a warp from its parts of `members` columns each.
__device__ Moments of_parts(const double* partial, long long a, long long b, long long inner,
                            long long parts, long long members, long long chunk, long long length) {
  Moments m = {0, 0, 0};
  for (long long q = threadIdx.x % WARP; q < parts * members; q += WARP) {
    const long long p = q / members, k = q - p * members;
    const double* found = partial + 2 * (((a * parts + p) * inner + b) * members + k);
    const long long rest = length - p * chunk;
    m = merged(m, {double(rest < chunk ? rest : chunk), found[0], found[1]});
  }
  return team_merged<WARP>(m);
}

template <class X>
__device__ __forceinline__ void follow(X* running, double value, double momentum) {
  const double before = double(to_compute(*running));
  *running = from_compute<X>(C(before * (1 - momentum) + value * momentum));
}

// x̂ = (x - center - rest) · scale for each statistic, from parts of `chunk` of its `length`
// elements (the last may be shorter) in `members` columns; a warp takes a statistic. found:
// (groups, inner, 2), mean and variance, if `keeps`. running = (1 - momentum) · running + momentum
// · moment, if `tracks`: with one group only.
// Bytes: 2 * groups * parts * inner * members * sizeof(double).
extern "C" __global__ void __launch_bounds__(BLOCK)
    merge_moments(C* __restrict__ center, C* __restrict__ rest, C* __restrict__ scale,
                  double* __restrict__ found, P* __restrict__ running_mean,
                  P* __restrict__ running_var, const double* __restrict__ partial, long long groups,
                  long long inner, long long parts, long long members, long long chunk,
                  long long length, int kind, double eps, double momentum, bool keeps,
                  bool tracks) {
  const long long warps = thread_count() / WARP;
  for (long long item = thread_index() / WARP; item < groups * inner; item += warps) {
    const long long a = item / inner, b = item % inner;
    const Moments m = of_parts(partial, a, b, inner, parts, members, chunk, length);
    if (threadIdx.x % WARP > 0) continue;
    const Scaling<C> s = scaling<C>(m, kind, eps);
    center[item] = s.center;
    rest[item] = s.rest;
    scale[item] = s.scale;
    if (keeps) {
      found[2 * item] = m.mean;
      found[2 * item + 1] = m.squares / m.count;
    }
    if (tracks) {
      follow(running_mean + item, m.mean, momentum);
      follow(running_var + item, m.squares / (m.count - 1), momentum);
    }
  }
}

// The same from moments that are given, one for each channel; a thread takes a channel.
// Bytes: channels * (2 * sizeof(P) + 3 * sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    given_moments(C* __restrict__ center, C* __restrict__ rest, C* __restrict__ scale,
                  const P* __restrict__ mean, const P* __restrict__ var, double eps,
                  long long channels) {
  for (long long c = thread_index(); c < channels; c += thread_count()) {
    const Scaling<C> s =
        scaling<C>({1, double(to_compute(mean[c])), double(to_compute(var[c]))}, CENTERED, eps);
    center[c] = s.center;
    rest[c] = s.rest;
    scale[c] = s.scale;
  }
}

// running = (1 - momentum) · running + momentum · (mean of `groups` moments), the variances
// unbiased: times `factor`. found: (groups, channels, 2). A thread takes a channel.
// Bytes: 2 * groups * channels * sizeof(double).
extern "C" __global__ void __launch_bounds__(BLOCK)
    follow_instances(P* __restrict__ running_mean, P* __restrict__ running_var,
                     const double* __restrict__ found, long long groups, long long channels,
                     double factor, double momentum) {
  for (long long c = thread_index(); c < channels; c += thread_count()) {
    double mean = 0, var = 0;
    for (long long a = 0; a < groups; ++a) {
      mean += found[2 * (a * channels + c)];
      var += found[2 * (a * channels + c) + 1];
    }
    follow(running_mean + c, mean / groups, momentum);
    follow(running_var + c, var / groups * factor, momentum);
  }
}

// Σ g and Σ g · x̂ of each channel of each group from its parts of `members` columns, (groups,
// parts, channels, members, 2), by a warp; into sums (groups, channels, 2). Or, if `is_final`, of
// the one group: then they are the gradients of bias and weight, and if `has_line` they also make
// slope and offset of the gradient of x, of `count` elements a channel.
// Bytes: 2 * groups * parts * channels * members * sizeof(double).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    merge_sums(double* __restrict__ sums, P* __restrict__ dweight, P* __restrict__ dbias,
               C* __restrict__ slope, C* __restrict__ offset, const double* __restrict__ partial,
               const P* __restrict__ weight, const C* __restrict__ scale, long long groups,
               long long channels, long long parts, long long members, double count, double eps,
               bool is_final, bool has_weight, bool has_line) {
  const long long warps = thread_count() / WARP;
  for (long long item = thread_index() / WARP; item < groups * channels; item += warps) {
    const long long a = item / channels, c = item % channels;
    Sums s = {0, 0};
    for (long long q = threadIdx.x % WARP; q < parts * members; q += WARP) {
      const long long p = q / members, k = q - p * members;
      const double* found = partial + 2 * (((a * parts + p) * channels + c) * members + k);
      s = merged(s, {found[0], found[1]});
    }
    s = team_merged<WARP>(s);
    if (threadIdx.x % WARP > 0) continue;
    if (!is_final) {
      sums[2 * item] = s.total;
      sums[2 * item + 1] = s.product;
      continue;
    }
    dbias[c] = from_compute<P>(C(s.total));
    dweight[c] = from_compute<P>(C(s.product));
    if (has_line) {
      const double w = has_weight ? double(to_compute(weight[c])) : 1;
      gradient_line<C>(slope[c], offset[c], {w * s.total, w * s.product}, scale[c], count, CENTERED,
                       eps);
    }
  }
}

// What makes the gradient of x, for each statistic (a, b) of `members` channels, from sums (groups,
// inner, members, 2); a warp takes a statistic of `count` elements.
// Bytes: 2 * groups * inner * members * sizeof(double).
extern "C" __global__ void __launch_bounds__(BLOCK)
    group_lines(C* __restrict__ slope, C* __restrict__ offset, const double* __restrict__ sums,
                const P* __restrict__ weight, const C* __restrict__ scale, long long groups,
                long long inner, long long members, double count, int kind, double eps,
                bool has_weight) {
  const long long warps = thread_count() / WARP;
  for (long long item = thread_index() / WARP; item < groups * inner; item += warps) {
    const long long b = item % inner;
    Sums s = {0, 0};
    for (long long k = threadIdx.x % WARP; k < members; k += WARP) {
      const double w = has_weight ? double(to_compute(weight[b * members + k])) : 1;
      const double* found = sums + 2 * (item * members + k);
      s = merged(s, {w * found[0], w * found[1]});
    }
    s = team_merged<WARP>(s);
    if (threadIdx.x % WARP > 0) continue;
    gradient_line<C>(slope[item], offset[item], s, scale[item], count, kind, eps);
  }
}

// The gradients of weight and bias from sums (groups, channels, 2); a thread takes a channel.
// Bytes: 2 * groups * channels * sizeof(double).
extern "C" __global__ void __launch_bounds__(BLOCK)
    group_parameters(P* __restrict__ dweight, P* __restrict__ dbias,
                     const double* __restrict__ sums, long long groups, long long channels) {
  for (long long c = thread_index(); c < channels; c += thread_count()) {
    Sums s = {0, 0};
    for (long long a = 0; a < groups; ++a) {
      s = merged(s, {sums[2 * (a * channels + c)], sums[2 * (a * channels + c) + 1]});
    }
    dbias[c] = from_compute<P>(C(s.total));
    dweight[c] = from_compute<P>(C(s.product));
  }
}
