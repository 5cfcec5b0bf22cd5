// Means and sums of squared deviations, in pieces. Launched by gpunn/ops/norm/launches.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "norm/parts.cuh"

constexpr int LENGTH = Vector<T>::LENGTH;

// What this thread has of the elements from start up to end of a statistic, which lie in segments
// of `length` neighbours, `stride` apart.
template <class A>
__device__ Moments of_segments(const T* x, long long start, long long end, long long length,
                               long long stride, bool is_vector) {
  Gathered<A> found;
  A values[LENGTH];
  for (long long e = start + threadIdx.x * LENGTH; e < end; e += BLOCK * LENGTH) {
    const int count = static_cast<int>(end - e < LENGTH ? end - e : LENGTH);
    const long long segment = quotient(e, length);
    long long k = e - segment * length;
    const T* source = x + segment * stride;
    if (is_vector) {
      load(values, source + k, count, true);
    } else {
#pragma unroll
      for (int i = 0; i < LENGTH; ++i) {
        values[i] = i < count ? A(to_compute(source[k])) : A(0);
        if (++k == length) k = 0, source += stride;
      }
    }
    found.add(values, count);
  }
  return found.moments();
}

// Mean and Σ (x - mean)² of pieces of `chunk` elements of each statistic; a block takes a piece.
// x: (groups, rows, inner, length), a statistic for each of (groups, inner). partial: (groups,
// parts, inner, 2).
// Bytes: groups * rows * inner * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 3)
    moments_rows(double* __restrict__ partial, const T* __restrict__ x, long long groups,
                 long long parts, long long rows, long long inner, long long length,
                 long long chunk) {
  const bool is_vector = length % LENGTH == 0 && are_aligned(x);
  for (long long item = blockIdx.x; item < groups * parts * inner; item += gridDim.x) {
    const long long b = item % inner, p = item / inner % parts, a = item / inner / parts;
    const long long start = p * chunk, all = rows * length;
    const long long end = start + chunk < all ? start + chunk : all;
    const T* first = x + (a * rows * inner + b) * length;
    Moments m = of_segments<accumulate_t<T>>(first, start, end, length, inner * length, is_vector);
    if (sizeof(T) < sizeof(double) &&
        !is_finite(m.squares)) {  // beyond float's range, or no numbers
      m = of_segments<double>(first, start, end, length, inner * length, is_vector);
    }
    m = team_merged<BLOCK>(m);
    if (threadIdx.x == 0) {
      partial[2 * item] = m.mean;
      partial[2 * item + 1] = m.squares;
    }
  }
}

// The moments of N neighbouring columns in every DEEP-th row from r up to end.
template <class A, int N>
__device__ void of_columns(Moments (&out)[N], const T* x, long long r, long long end,
                           long long columns, bool is_vector) {
  constexpr int ROWS = 4;
  Gathered<A> found[N];
  for (; r < end; r += ROWS * DEEP) {
    A rows[ROWS][N];
    int count = 0;
#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
      const bool is_there = r + i * DEEP < end;
      load(rows[i], x + (is_there ? r + i * DEEP : r) * columns, N, is_vector);
      count += is_there;
    }
#pragma unroll
    for (int k = 0; k < N; ++k) {
      A values[ROWS];
#pragma unroll
      for (int i = 0; i < ROWS; ++i) values[i] = rows[i][k];
      found[k].add(values, count);
    }
  }
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] = found[k].moments();
}

template <int N>
__device__ void columns_of(double* partial, const T* x, long long groups, long long parts,
                           long long rows, long long columns, long long chunk, int width) {
  __shared__ Moments met[BLOCK];
  const bool is_vector = N > 1 && are_aligned(x);
  const int across = threadIdx.x % width, down = threadIdx.x / width % DEEP;
  const int team = threadIdx.x / (width * DEEP), teams = BLOCK / (width * DEEP);
  const long long tiles = (columns + width * N - 1) / (width * N), items = groups * parts * tiles;
  for (long long first = blockIdx.x * teams; first < items; first += gridDim.x * teams) {
    const long long item = first + team;
    const long long column = (item % tiles * width + across) * N;
    const long long p = item / tiles % parts, a = item / tiles / parts;
    const bool is_mine = item < items && column < columns;
    Moments m[N] = {};
    if (is_mine) {
      const long long start = p * chunk, end = start + chunk < rows ? start + chunk : rows;
      const T* top = x + a * rows * columns + column;
      of_columns<accumulate_t<T>>(m, top, start + down, end, columns, is_vector);
      bool is_fine = true;
#pragma unroll
      for (int k = 0; k < N; ++k) is_fine = is_fine && is_finite(m[k].squares);
      if (sizeof(T) < sizeof(double) && !is_fine) {
        of_columns<double>(m, top, start + down, end, columns, is_vector);
      }
    }
#pragma unroll
    for (int k = 0; k < N; ++k) {
      __syncthreads();
      met[threadIdx.x] = m[k];
      __syncthreads();
      if (!is_mine || down > 0) continue;
      Moments all = m[k];
      for (int i = 1; i < DEEP; ++i) all = merged(all, met[threadIdx.x + i * width]);
      double* target = partial + 2 * ((a * parts + p) * columns + column + k);
      target[0] = all.mean;
      target[1] = all.squares;
    }
  }
}

// Mean and Σ (x - mean)² of pieces of `chunk` rows of each column. x: (groups, rows, columns);
// partial: (groups, parts, columns, 2). DEEP threads take every DEEP-th row of 16 bytes; `width` of
// them lie side by side, and a block has BLOCK / (DEEP * width) such teams.
// Bytes: groups * rows * columns * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    moments_columns(double* __restrict__ partial, const T* __restrict__ x, long long groups,
                    long long parts, long long rows, long long columns, long long chunk,
                    int width) {
  if (columns % LENGTH == 0) {
    columns_of<LENGTH>(partial, x, groups, parts, rows, columns, chunk, width);
  } else {
    columns_of<1>(partial, x, groups, parts, rows, columns, chunk, width);
  }
}
