// Normalised elements, and gradients of x. Launched by gpunn/ops/norm/launches.py.
// (T, P, C): (float, float, float), (double, double, double), (__half, __half, float), (__half, float, float), (__nv_bfloat16, __nv_bfloat16, float), (__nv_bfloat16, float, float)
// COLUMNS: 0, 1
// BLOCK: 256
#include "norm/parts.cuh"

constexpr int LENGTH = Vector<T>::LENGTH;

// y = (x - center - rest) · scale · weight + bias, + z, then max(y, 0): on LENGTH elements at once.
struct Forward {
  T* y;
  unsigned char* mask;
  const T *x, *z;
  const C *center, *rest, *scale;
  const P *weight, *bias;
  bool has_weight, has_bias, adds, rectifies;

  // What the elements of one channel of one statistic have in common.
  struct Line {
    C center, rest, factor, bias;
  };
  struct Group {
    C x[LENGTH], z[LENGTH];
    unsigned int bits = 0;
  };

  __device__ __forceinline__ Line line(long long s, long long c) const {
    const C factor = has_weight ? scale[s] * to_compute(weight[c]) : scale[s];
    return {center[s], rest[s], factor, has_bias ? C(to_compute(bias[c])) : C(0)};
  }

  __device__ __forceinline__ bool is_aligned() const {
    return are_aligned(y, x) && (!adds || are_aligned(z));
  }

  __device__ __forceinline__ void read(Group& g, long long i, int count, bool is_vector) const {
    load(g.x, x + i, count, is_vector);
    if (adds) load(g.z, z + i, count, is_vector);
  }

  __device__ __forceinline__ void compute(Group& g, int k, const Line& l) const {
    C v = (g.x[k] - l.center - l.rest) * l.factor + l.bias;
    if (adds) v += g.z[k];
    const bool is_cut = rectifies && C(to_compute(from_compute<T>(v))) <= C(0);
    g.x[k] = is_cut ? C(0) : v;
    g.bits |= (is_cut ? 0u : 1u) << k;
  }

  __device__ __forceinline__ void write(const Group& g, long long i, int count,
                                        bool is_vector) const {
    store(y + i, g.x, count, is_vector);
    if (rectifies) mask[i / LENGTH] = static_cast<unsigned char>(g.bits);
  }
};

// dx = scale · weight · g + slope · x̂ + offset, dz = g, where g is dy, or 0 where y was cut to 0.
struct Backward {
  T *dx, *dz;
  const T *dy, *x;
  const unsigned char* mask;
  const C *center, *rest, *scale, *slope, *offset;
  const P* weight;
  bool has_weight, has_line, is_masked, gives;

  struct Line {
    C center, rest, scale, factor, slope, offset;
  };
  struct Group {
    C g[LENGTH], x[LENGTH] = {};
  };

  __device__ __forceinline__ Line line(long long s, long long c) const {
    const C factor = has_weight ? scale[s] * to_compute(weight[c]) : scale[s];
    if (!has_line) return {C(0), C(0), C(0), factor, C(0), C(0)};
    return {center[s], rest[s], scale[s], factor, slope[s], offset[s]};
  }

  __device__ __forceinline__ bool is_aligned() const {
    return are_aligned(dx, dy, x) && (!gives || are_aligned(dz));
  }

  __device__ __forceinline__ void read(Group& g, long long i, int count, bool is_vector) const {
    load(g.g, dy + i, count, is_vector);
    if (has_line) load(g.x, x + i, count, is_vector);
    if (is_masked) apply_mask<LENGTH>(g.g, mask, i, count);
    if (gives) store(dz + i, g.g, count, is_vector);
  }

  __device__ __forceinline__ void compute(Group& g, int k, const Line& l) const {
    const C normal = (g.x[k] - l.center - l.rest) * l.scale;
    g.x[k] = l.factor * g.g[k] + (has_line ? l.slope * normal + l.offset : C(0));
  }

  __device__ __forceinline__ void write(const Group& g, long long i, int count,
                                        bool is_vector) const {
    store(dx + i, g.x, count, is_vector);
  }
};

// Where the walk along an array (rows, channels, span) is; what it meets there is `line`.
// `stat_rows` rows in a row have the same statistics, and so have `members` neighbouring channels.
template <class Op>
struct Walk {
  long long row, channel, place;
  typename Op::Line line;

  __device__ __forceinline__ void look(const Op& op, long long channels, long long members,
                                       long long stat_rows) {
    const long long inner = quotient(channels, members);
    line = op.line(quotient(row, stat_rows) * inner + quotient(channel, members), channel);
  }
};

// Any array of n elements; a thread takes LENGTH neighbours.
template <class Op>
__device__ void in_a_row(const Op& op, long long n, long long channels, long long members,
                         long long span, long long stat_rows) {
  const bool is_vector = op.is_aligned();
  for (long long i = thread_index() * LENGTH; i < n; i += thread_count() * LENGTH) {
    const int count = static_cast<int>(n - i < LENGTH ? n - i : LENGTH);
    typename Op::Group group;
    op.read(group, i, count, is_vector);
    const long long plane = quotient(i, span), row = quotient(plane, channels);
    Walk<Op> walk = {row, plane - row * channels, i - plane * span, {}};
    walk.look(op, channels, members, stat_rows);
#pragma unroll
    for (int k = 0; k < LENGTH; ++k) {
      if (k >= count) continue;
      if (walk.place == span) {
        walk.place = 0;
        if (++walk.channel == channels) walk.channel = 0, ++walk.row;
        walk.look(op, channels, members, stat_rows);
      }
      op.compute(group, k, walk.line);
      ++walk.place;
    }
    op.write(group, i, count, is_vector);
  }
}

// An array (rows, columns) with LENGTH * integer columns, each a channel. DEEP threads take every
// DEEP-th of `chunk` rows, each the same LENGTH columns, of which it keeps the lines; `width` such
// teams lie side by side.
template <class Op>
__device__ void down_columns(const Op& op, long long rows, long long columns, long long members,
                             long long stat_rows, long long chunk, int width) {
  const bool is_vector = op.is_aligned();
  const int across = threadIdx.x % width, down = threadIdx.x / width % DEEP;
  const int team = threadIdx.x / (width * DEEP), teams = BLOCK / (width * DEEP);
  const long long tiles = (columns + width * LENGTH - 1) / (width * LENGTH);
  const long long items = (rows + chunk - 1) / chunk * tiles;
  for (long long item = blockIdx.x * teams + team; item < items; item += gridDim.x * teams) {
    const long long column = (item % tiles * width + across) * LENGTH, start = item / tiles * chunk;
    const long long end = start + chunk < rows ? start + chunk : rows;
    if (column >= columns) continue;
    typename Op::Line lines[LENGTH];
    long long known = -1;
    for (long long row = start + down; row < end; row += DEEP) {
      typename Op::Group group;
      op.read(group, row * columns + column, LENGTH, is_vector);
      const long long stat = quotient(row, stat_rows);
      if (stat != known) {
#pragma unroll
        for (int k = 0; k < LENGTH; ++k) {
          const long long s = stat * (columns / members) + quotient(column + k, members);
          lines[k] = op.line(s, column + k);
        }
        known = stat;
      }
#pragma unroll
      for (int k = 0; k < LENGTH; ++k) op.compute(group, k, lines[k]);
      op.write(group, row * columns + column, LENGTH, is_vector);
    }
  }
}

template <class Op>
__device__ __forceinline__ void apply(const Op& op, long long n, long long channels,
                                      long long members, long long span, long long stat_rows,
                                      long long chunk, int width) {
  if constexpr (COLUMNS == 1) {
    down_columns(op, n / channels, channels, members, stat_rows, chunk, width);
  } else {
    in_a_row(op, n, channels, members, span, stat_rows);
  }
}

// y = (x - center - rest) · scale · weight + bias, + z if `adds`, then max(y, 0) if `rectifies`,
// where mask gets a byte for LENGTH elements, with a 1 for those that are not cut to 0. y, x, z:
// (rows, channels, span), n elements. center, rest, scale: (rows / stat_rows, channels / members).
// With COLUMNS, span is 1 and channels a multiple of LENGTH.
// Bytes: (2 + adds) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    norm_forward(T* __restrict__ y, unsigned char* __restrict__ mask, const T* __restrict__ x,
                 const T* __restrict__ z, const C* __restrict__ center, const C* __restrict__ rest,
                 const C* __restrict__ scale, const P* __restrict__ weight,
                 const P* __restrict__ bias, long long n, long long channels, long long members,
                 long long span, long long stat_rows, long long chunk, int width, bool has_weight,
                 bool has_bias, bool adds, bool rectifies) {
  const Forward op = {y,      mask, x,          z,        center, rest,     scale,
                      weight, bias, has_weight, has_bias, adds,   rectifies};
  apply(op, n, channels, members, span, stat_rows, chunk, width);
}

// dx = scale · weight · g + slope · x̂ + offset (the latter two if `has_line`), with g = dy where
// the mask, if `is_masked`, has a 1, else 0; dz = g if `gives`. Shapes as in norm_forward.
// Bytes: (2 + has_line + gives) * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 2)
    norm_backward(T* __restrict__ dx, T* __restrict__ dz, const T* __restrict__ dy,
                  const T* __restrict__ x, const unsigned char* __restrict__ mask,
                  const C* __restrict__ center, const C* __restrict__ rest,
                  const C* __restrict__ scale, const C* __restrict__ slope,
                  const C* __restrict__ offset, const P* __restrict__ weight, long long n,
                  long long channels, long long members, long long span, long long stat_rows,
                  long long chunk, int width, bool has_weight, bool has_line, bool is_masked,
                  bool gives) {
  const Backward op = {dx,    dz,     dy,     x,          mask,     center,    rest, scale,
                       slope, offset, weight, has_weight, has_line, is_masked, gives};
  apply(op, n, channels, members, span, stat_rows, chunk, width);
}
