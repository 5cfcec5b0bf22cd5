// Σ g and Σ g · x̂ for the gradients, in pieces. Launched by gpunn/ops/norm/launches.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "norm/parts.cuh"

constexpr int LENGTH = Vector<T>::LENGTH;

// Which statistic a row of the array and a channel belong to: `stat_rows` rows in a row have the
// same, and `members` neighbouring channels.
struct Statistics {
  const C *center, *rest, *scale;
  long long stat_rows, channels, members;

  __device__ __forceinline__ Scaling<C> at(long long row, long long channel) const {
    const long long s =
        quotient(row, stat_rows) * (channels / members) + quotient(channel, members);
    return {center[s], rest[s], scale[s]};
  }
};

// The sums of N columns as a thread meets them, in C.
template <int N>
struct Met {
  C total[N] = {}, product[N] = {};

  __device__ __forceinline__ void add(int k, C g, C x, const Scaling<C>& s) {
    total[k] += g;
    product[k] += g * ((x - s.center - s.rest) * s.scale);
  }
};

// Pieces of `chunk` elements of each channel of each group; a block takes a piece. dy, x: (groups,
// rows, channels, span). partial: (groups, parts, channels, 2). `mask`: see norm_forward.
// Bytes: 2 * groups * rows * channels * span * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    sums_rows(double* __restrict__ partial, const T* __restrict__ dy, const T* __restrict__ x,
              const unsigned char* __restrict__ mask, const C* __restrict__ center,
              const C* __restrict__ rest, const C* __restrict__ scale, long long groups,
              long long parts, long long rows, long long channels, long long members,
              long long span, long long stat_rows, long long chunk, bool is_masked) {
  const bool is_vector = span % LENGTH == 0 && are_aligned(x, dy);
  const Statistics statistics = {center, rest, scale, stat_rows, channels, members};
  for (long long item = blockIdx.x; item < groups * parts * channels; item += gridDim.x) {
    const long long c = item % channels, p = item / channels % parts, a = item / channels / parts;
    const long long start = p * chunk, all = rows * span;
    const long long end = start + chunk < all ? start + chunk : all;
    Met<1> met;
    for (long long e = start + threadIdx.x * LENGTH; e < end; e += BLOCK * LENGTH) {
      long long r = quotient(e, span), k = e - r * span;
      long long i = ((a * rows + r) * channels + c) * span + k;
      Scaling<C> s = statistics.at(a * rows + r, c);
      C g[LENGTH], values[LENGTH];
      if (is_vector) {
        load(g, dy + i, LENGTH, true);
        load(values, x + i, LENGTH, true);
        if (is_masked) apply_mask<LENGTH>(g, mask, i, LENGTH);
#pragma unroll
        for (int n = 0; n < LENGTH; ++n) met.add(0, g[n], values[n], s);
        continue;
      }
      const long long last = e + LENGTH < end ? e + LENGTH : end;
      for (long long at = e; at < last; ++at, ++i, ++k) {
        if (k == span) {  // the next plane of this channel
          k = 0;
          i += (channels - 1) * span;
          s = statistics.at(a * rows + ++r, c);
        }
        C one[1] = {to_compute(dy[i])};
        if (is_masked) apply_mask<LENGTH>(one, mask, i, 1);
        met.add(0, one[0], to_compute(x[i]), s);
      }
    }
    const Sums sums = team_merged<BLOCK>(Sums{double(met.total[0]), double(met.product[0])});
    if (threadIdx.x == 0) {
      partial[2 * item] = sums.total;
      partial[2 * item + 1] = sums.product;
    }
  }
}

// A rectangle of columns and rows, and who of a block takes what in it; as in moments.cu.
struct Tile {
  long long group, part, column;
  int down;
  bool is_mine;
};

template <int N>
__device__ __forceinline__ Tile tile(long long first, long long groups, long long parts,
                                     long long columns, int width) {
  const int across = threadIdx.x % width, down = threadIdx.x / width % DEEP;
  const long long tiles = (columns + width * N - 1) / (width * N);
  const long long item = first + threadIdx.x / (width * DEEP);
  const long long column = (item % tiles * width + across) * N;
  return {item / tiles / parts, item / tiles % parts, column, down,
          item < groups * parts * tiles && column < columns};
}

template <int N>
__device__ void columns_of(double* partial, const T* dy, const T* x, const unsigned char* mask,
                           const Statistics& statistics, long long groups, long long parts,
                           long long rows, long long columns, long long span, long long chunk,
                           int width, bool is_masked) {
  __shared__ Sums met[BLOCK];
  const bool is_vector = N > 1 && are_aligned(x, dy);
  const int teams = BLOCK / (width * DEEP);
  const long long items = groups * parts * ((columns + width * N - 1) / (width * N));
  for (long long first = blockIdx.x * teams; first < items; first += gridDim.x * teams) {
    const Tile t = tile<N>(first, groups, parts, columns, width);
    Met<N> mine;
    if (t.is_mine) {
      const long long start = t.part * chunk, end = start + chunk < rows ? start + chunk : rows;
      Scaling<C> s[N];
      long long known = -1;
      for (long long r = start + t.down; r < end; r += DEEP) {
        const long long row = t.group * rows + r, i = row * columns + t.column;
        const long long stat = quotient(row, statistics.stat_rows);
        if (stat != known) {
#pragma unroll
          for (int k = 0; k < N; ++k) s[k] = statistics.at(row, quotient(t.column + k, span));
          known = stat;
        }
        C g[N], values[N];
        load(g, dy + i, N, is_vector);
        load(values, x + i, N, is_vector);
        if (is_masked) apply_mask<LENGTH>(g, mask, i, N);
#pragma unroll
        for (int k = 0; k < N; ++k) mine.add(k, g[k], values[k], s[k]);
      }
    }
#pragma unroll
    for (int k = 0; k < N; ++k) {
      __syncthreads();
      met[threadIdx.x] = {double(mine.total[k]), double(mine.product[k])};
      __syncthreads();
      if (!t.is_mine || t.down > 0) continue;
      Sums all = met[threadIdx.x];
      for (int i = 1; i < DEEP; ++i) all = merged(all, met[threadIdx.x + i * width]);
      double* target = partial + 2 * ((t.group * parts + t.part) * columns + t.column + k);
      target[0] = all.total;
      target[1] = all.product;
    }
  }
}

// Pieces of `chunk` rows of each of the channels * span columns. dy, x: (groups, rows, channels,
// span); partial: (groups, parts, channels, span, 2). DEEP threads take every DEEP-th row of 16
// bytes; `width` of them lie side by side.
// Bytes: 2 * groups * rows * channels * span * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    sums_columns(double* __restrict__ partial, const T* __restrict__ dy, const T* __restrict__ x,
                 const unsigned char* __restrict__ mask, const C* __restrict__ center,
                 const C* __restrict__ rest, const C* __restrict__ scale, long long groups,
                 long long parts, long long rows, long long channels, long long members,
                 long long span, long long stat_rows, long long chunk, int width, bool is_masked) {
  const Statistics statistics = {center, rest, scale, stat_rows, channels, members};
  if (channels * span % LENGTH == 0) {
    columns_of<LENGTH>(partial, dy, x, mask, statistics, groups, parts, rows, channels * span, span,
                       chunk, width, is_masked);
  } else {
    columns_of<1>(partial, dy, x, mask, statistics, groups, parts, rows, channels * span, span,
                  chunk, width, is_masked);
  }
}
