// Norms of lines: (Σ |z|^p)^(1/p), how many are not 0 for p = 0, the largest or smallest |z| for
// p = ±inf; and their slopes.
#pragma once
#include "reduction/pieces.cuh"

// pow, as one copy: a group of half numbers would have eight.
__device__ __noinline__ float power(float x, float p) { return pow(x, p); }
__device__ __noinline__ double power(double x, double p) { return pow(x, p); }

// The numbers z = x - other + shift of a line, in groups; without `other` if not has_other.
template <class X, class C = accumulate_t<X>>
struct Difference {
  Line<const X> x, other;
  bool has_other;
  C shift;

  __device__ __forceinline__ long long groups() const { return x.groups(); }
  // Group number `group`, with meaningless numbers beyond the end of the line.
  __device__ __forceinline__ Group<C, Line<X>::GROUP> group(long long group) const {
    auto values = load_group(x, group, C(0));
    if (!has_other) return values;
    const auto others = load_group(other, group, C(0));
#pragma unroll
    for (int k = 0; k < Line<X>::GROUP; ++k) values.at[k] = values.at[k] - others.at[k] + shift;
    return values;
  }
};

// The p-norm of a line; for p = ±inf the extreme size, unless there is a NaN. Sums are in double.
// Where powers might leave its range, sizes are divided by the extreme one, which takes a pass of
// its own.
template <class X, class C>
__device__ __forceinline__ C norm_of(const Team& team, const Difference<X, C>& line, double p) {
  constexpr int GROUP = Line<X>::GROUP;
  const C infinity = C(__int_as_float(0x7f800000)), sign = p > 0.0 ? C(1) : C(-1);
  const C exponent = static_cast<C>(p);
  const bool is_infinite = abs(p) == infinity, is_plain = p == 0.0 || p == 1.0,
             is_square = p == 2.0;
  const bool is_scaled = is_infinite || !(is_plain || (is_square && sizeof(C) == 4));
  C extreme = -infinity, scale = 1;  // extreme: of sizes times `sign`
  double sum = 0.0;
#pragma unroll 1
  for (int pass = is_scaled ? 0 : 1; pass < 2; ++pass) {
#pragma unroll 1
    for (long long group = team.rank; group < line.groups(); group += team.size) {
      const auto values = line.group(group);
#pragma unroll
      for (int k = 0; k < GROUP; ++k) {
        const C size = abs(values.at[k]), scaled = size / scale;
        if (group * GROUP + k >= line.x.length) continue;
        if (pass == 0) {
          extreme = size * sign > extreme ? size * sign : extreme;
          continue;
        }
        double term = size;
        if (p == 0.0) term = size != C(0);
        if (is_square) term = static_cast<double>(scaled) * scaled;
        if (is_infinite) term = is_nan(size) ? size : C(0);
        if (is_scaled && !is_square && !is_infinite) term = power(scaled, exponent);
        sum += term;
      }
    }
    if (pass == 1) break;
    extreme = team.max(extreme) * sign;
    scale = extreme > C(0) && extreme < infinity ? extreme : C(1);
  }
  sum = team.sum(sum);
  if (is_infinite) return sum == 0.0 ? extreme : static_cast<C>(sum);
  if (is_plain) return static_cast<C>(sum);
  if (is_square) return static_cast<C>(sqrt(sum)) * scale;
  return power(static_cast<C>(sum), C(1) / exponent) * scale;
}

// grad times the slope of the p-norm at one of its numbers, sgn(z) |z|^(p-1) norm^(1-p); 0 where
// the norm or, for p < 1, the number is 0. For p > 1 the power is that of |z| / norm, as |z|^(p-1)
// soon leaves the range of float.
template <class C>
struct NormSlope {
  C norm, grad, p, factor;

  __device__ __forceinline__ NormSlope(C norm, C grad, C p)
      : norm(norm), grad(grad), p(p), factor(p < C(1) ? grad * power(norm, C(1) - p) : grad) {}
  __device__ __forceinline__ C operator()(C z) const {
    const C sign = C((z > C(0)) - (z < C(0)));
    if (p == C(1)) return grad * sign;
    if (p < C(1)) return z == C(0) ? C(0) : sign * power(abs(z), p - C(1)) * factor;
    if (norm == C(0)) return C(0);
    const C ratio = z / norm;
    return grad * (p == C(2) ? ratio : sign * power(abs(ratio), p - C(1)));
  }
};
