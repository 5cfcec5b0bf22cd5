// Norms, limits and scales of all gradients of a dtype. Launched by gpunn/ops/gradients.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "optimizer/pieces.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// Which norm: root of the sum of squares, sum of magnitudes, largest magnitude, root of a sum of
// powers. The same numbers are in gpunn/ops/gradients.py.
enum Kind { SQUARES, MAGNITUDES, LARGEST, POWERS };

__device__ __forceinline__ double term(double x, int kind, double power) {
  const double magnitude = x < 0.0 ? -x : x;
  return kind == SQUARES ? x * x : kind == POWERS ? pow(magnitude, power) : magnitude;
}

__device__ __forceinline__ double joined(double a, double b, int kind) {
  return kind == LARGEST ? merge::Greater()(a, b) : a + b;
}

__device__ __forceinline__ double joined_in_block(double value, int kind) {
  return kind == LARGEST ? block_max(value) : block_sum(value);
}

__device__ __forceinline__ bool is_finite(C x) { return x - x == C(0); }

// For the elements of the pieces, GROUP at a time by the threads of the block that has the piece:
// f(address, values, how many, whether 16 bytes may be moved at once). The order in which a thread
// meets elements does not depend on addresses.
// The pieces are `first`, first + step, and so on.
template <class F>
__device__ __forceinline__ void for_groups(T* const* arrays, const Pieces& work, long long first,
                                           long long step, long long count, F f) {
  for (long long c = first; c < count; c += step) {
    T* const from = arrays[work.array(c)] + work.start(c);
    const int length = work.length(c);
    const bool is_vector = are_aligned(from);
    for (int i = threadIdx.x * GROUP; i < length; i += BLOCK * GROUP) {
      C values[GROUP];
      load_some(values, from + i, length - i, is_vector);
      f(from + i, values, length - i, is_vector);
    }
  }
}

// partials[b] = what pieces b, b + partial_count, … have of the norm: a sum of squares, magnitudes
// or powers, or the largest magnitude. A missing element counts as 0.
// Bytes: count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    norm_partials(double* __restrict__ partials, T* const* arrays,
                  const long long* __restrict__ sizes, const int* __restrict__ pieces,
                  long long count, long long partial_count, int kind, double power) {
  for (long long b = blockIdx.x; b < partial_count; b += gridDim.x) {
    double found = 0.0;
    const auto add = [&](T*, const C(&x)[GROUP], int n, bool) {
#pragma unroll
      for (int k = 0; k < GROUP; ++k) {
        if (k < n) found = joined(found, term(static_cast<double>(x[k]), kind, power), kind);
      }
    };
    for_groups(arrays, {sizes, pieces}, b, partial_count, count, add);
    found = joined_in_block(found, kind);
    if (threadIdx.x == 0) partials[b] = found;
  }
}

// total = the norm of which `partials` (partial_count) are the parts; all elements *=
// min(1, limit / (total + 1e-6)), computed from the norm in double. Each block adds the parts up
// for itself. Bytes: 2 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    clip_by_norm(T* __restrict__ total, T* const* arrays, const double* __restrict__ partials,
                 const long long* __restrict__ sizes, const int* __restrict__ pieces,
                 long long count, long long partial_count, int kind, double power, double limit) {
  double found = 0.0;
  for (long long i = threadIdx.x; i < partial_count; i += BLOCK) {
    found = joined(found, partials[i], kind);
  }
  found = joined_in_block(found, kind);
  if (kind == SQUARES) found = sqrt(found);
  if (kind == POWERS) found = pow(found, 1.0 / power);
  if (thread_index() == 0) total[0] = from_compute<T>(static_cast<C>(found));
  const double wanted = limit / (found + 1e-6);
  if (wanted >= 1.0) return;
  const C factor = static_cast<C>(wanted);
  for_groups(arrays, {sizes, pieces}, blockIdx.x, gridDim.x, count,
             [=](T* to, C(&x)[GROUP], int n, bool is_vector) {
#pragma unroll
               for (int k = 0; k < GROUP; ++k) x[k] *= factor;
               store_some(to, x, n, is_vector);
             });
}

// x = min(max(x, -limit), limit) for all elements; NaN stays. Bytes: 2 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    clip_by_value(T* const* arrays, const long long* __restrict__ sizes,
                  const int* __restrict__ pieces, long long count, double limit) {
  const C most = static_cast<C>(limit);
  for_groups(arrays, {sizes, pieces}, blockIdx.x, gridDim.x, count,
             [=](T* to, C(&x)[GROUP], int n, bool is_vector) {
#pragma unroll
               for (int k = 0; k < GROUP; ++k) {
                 x[k] = x[k] < -most ? -most : x[k];
                 x[k] = x[k] > most ? most : x[k];
               }
               store_some(to, x, n, is_vector);
             });
}

// x *= factor[0] for all elements; found[0] = 1 if an x was not finite. A factor of 1 changes
// nothing. Bytes: 2 * count * 4096 * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    unscale(float* found, T* const* arrays, const float* factor,
            const long long* __restrict__ sizes, const int* __restrict__ pieces, long long count) {
  const C by = static_cast<C>(factor[0]);
  bool all_finite = true;
  for_groups(arrays, {sizes, pieces}, blockIdx.x, gridDim.x, count,
             [&](T* to, C(&x)[GROUP], int n, bool is_vector) {
#pragma unroll
               for (int k = 0; k < GROUP; ++k) {
                 all_finite &= is_finite(x[k]);
                 x[k] = by == C(1) ? x[k] : x[k] * by;
               }
               store_some(to, x, n, is_vector);
             });
  if (__syncthreads_or(!all_finite) && threadIdx.x == 0) atomicExch(found, 1.0f);
}
