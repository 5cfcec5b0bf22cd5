// Norms of short rows, all in one launch. Launched by gpunn/ops/norm/launches.py.
// (T, P, C): (float, float, float), (double, double, double), (__half, __half, float), (__half, float, float), (__nv_bfloat16, __nv_bfloat16, float), (__nv_bfloat16, float, float)
// TEAM: 32, 256
// BLOCK: 256
#include "norm/parts.cuh"

constexpr int LENGTH = Vector<T>::LENGTH;

template <class A>
__device__ Moments of_row(const T* x, long long length, bool is_vector) {
  Gathered<A> found;
  A values[LENGTH];
  for (long long k = threadIdx.x % TEAM * LENGTH; k < length; k += TEAM * LENGTH) {
    const int count = static_cast<int>(length - k < LENGTH ? length - k : LENGTH);
    load(values, x + k, count, is_vector);
    found.add(values, count);
  }
  return found.moments();
}

// y = (x - mean) · scale · weight + bias of each row, and the row's statistics; x, y: (rows,
// length). TEAM threads take a row; its second reading comes from the cache. Element k of a row has
// the weight (row % inner * length + k) / span; weights: (inner * length / span,).
// Bytes: 2 * rows * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 3)
    rows_forward(T* __restrict__ y, C* __restrict__ center, C* __restrict__ rest,
                 C* __restrict__ scale, const T* __restrict__ x, const P* __restrict__ weight,
                 const P* __restrict__ bias, long long rows, long long length, long long inner,
                 long long span, int kind, double eps, bool has_weight, bool has_bias) {
  const bool is_vector = length % LENGTH == 0 && are_aligned(x, y);
  const long long teams = thread_count() / TEAM;
  for (long long row = thread_index() / TEAM; row < rows; row += teams) {
    const T* values = x + row * length;
    Moments m = of_row<C>(values, length, is_vector);
    if (sizeof(C) < sizeof(double) &&
        !is_finite(m.squares)) {  // beyond float's range, or no numbers
      m = of_row<double>(values, length, is_vector);
    }
    const Scaling<C> s = scaling<C>(team_merged<TEAM>(m), kind, eps);
    if (threadIdx.x % TEAM == 0) {
      center[row] = s.center;
      rest[row] = s.rest;
      scale[row] = s.scale;
    }
    const long long first = row % inner * length;
    for (long long k = threadIdx.x % TEAM * LENGTH; k < length; k += TEAM * LENGTH) {
      const int count = static_cast<int>(length - k < LENGTH ? length - k : LENGTH);
      C v[LENGTH], w[LENGTH], b[LENGTH];
      load(v, values + k, count, is_vector);
      if (has_weight) load_spread(w, weight, first + k, span, count);
      if (has_bias) load_spread(b, bias, first + k, span, count);
#pragma unroll
      for (int i = 0; i < LENGTH; ++i) {
        v[i] = (v[i] - s.center - s.rest) * s.scale;
        if (has_weight) v[i] *= w[i];
        if (has_bias) v[i] += b[i];
      }
      store(y + row * length + k, v, count, is_vector);
    }
  }
}

// dx = scale · weight · dy + slope · x̂ + offset of each row, with the sums of weight · dy and of
// weight · dy · x̂ in slope and offset. Shapes and threads as in rows_forward.
// Bytes: 3 * rows * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 3)
    rows_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                  const C* __restrict__ center, const C* __restrict__ rest,
                  const C* __restrict__ scale, const P* __restrict__ weight, long long rows,
                  long long length, long long inner, long long span, int kind, double eps,
                  bool has_weight) {
  const bool is_vector = length % LENGTH == 0 && are_aligned(x, dx, dy);
  const long long teams = thread_count() / TEAM;
  for (long long row = thread_index() / TEAM; row < rows; row += teams) {
    const Scaling<C> s = {center[row], rest[row], scale[row]};
    const long long begin = row * length, first = row % inner * length;
    C slope = 0, offset = 0, total = 0, product = 0;
    for (int pass = 0; pass < 2; ++pass) {  // the sums, then the gradient
      for (long long k = threadIdx.x % TEAM * LENGTH; k < length; k += TEAM * LENGTH) {
        const int count = static_cast<int>(length - k < LENGTH ? length - k : LENGTH);
        C v[LENGTH], g[LENGTH], w[LENGTH];
        load(v, x + begin + k, count, is_vector);
        load(g, dy + begin + k, count, is_vector);
        if (has_weight) load_spread(w, weight, first + k, span, count);
#pragma unroll
        for (int i = 0; i < LENGTH; ++i) {
          if (has_weight) g[i] *= w[i];
          v[i] = (v[i] - s.center - s.rest) * s.scale;
          if (i < count) {
            total += g[i];
            product += g[i] * v[i];
          }
          v[i] = s.scale * g[i] + slope * v[i] + offset;
        }
        if (pass == 1) store(dx + begin + k, v, count, is_vector);
      }
      if (pass == 1) continue;
      const Sums sums = team_merged<TEAM>(Sums{double(total), double(product)});
      gradient_line<C>(slope, offset, sums, s.scale, double(length), kind, eps);
    }
  }
}
