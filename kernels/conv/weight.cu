// The gradient of a convolution's weight, for any shape, in full precision. Twin: gpunn/ops/conv.
// (T, A): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// TILE: 64, 32
// LAST: 0, 1
// POINTWISE: 0, 1
// BLOCK: 256
#include "conv/products.cuh"

// A block computes TILE channels of the output by TILE columns of the filter, from BK positions at
// a time; a thread SIDE x SIDE of them. Columns are channels and taps, the nearest in memory last.
// POINTWISE: the filter has one element, stride 1 and no zeros around; all positions of an image
// are along the last axis.
constexpr int BK = 16, SIDE = TILE / 16, RESIDENT = sizeof(A) == 8 ? 1 : 2;
constexpr int PIECE = SIDE < 4 ? SIDE : 4;  // neighbours of a thread, side by side in shared memory
using Tile = A[BK][TILE + 4];               // 4 more, so that a warp writes to different banks

// A column of the filter: the first element that its tap sees, from position 0; where that lies.
struct Column {
  long long x;
  int d, h, w;
};

// A position of the output, which goes up in equal steps: where it lies in dy, what columns see.
template <bool POINTWISE>
struct Walker {
  Odometer at;  // image and d, h, w
  Gears gears;

  __device__ __forceinline__ void start(const Geometry& geo, long long first, int by) {
    gears.set(by, geo.out[0], geo.out[1], geo.out[2]);
    at.start(first, gears);
  }
  __device__ __forceinline__ void advance() { at.advance(gears); }
  __device__ __forceinline__ bool is_one(const Geometry& geo) const {
    return at.digit[0] < geo.images;
  }
  __device__ __forceinline__ long long in_gradient(const Windows& win) const {
    return at.digit[0] * win.y_image + at.digit[1] * win.y_d + at.digit[2] * win.y_h +
           at.digit[3] * win.y_w;
  }
  __device__ __forceinline__ bool sees(const Windows& win, const Column& column) const {
    return is_on(at.digit[1] * win.d.step + column.d, win.d.size) &&
           is_on(at.digit[2] * win.h.step + column.h, win.h.size) &&
           is_on(at.digit[3] * win.w.step + column.w, win.w.size);
  }
  __device__ __forceinline__ long long seen(const Windows& win) const {
    const int d = at.digit[1] * win.d.step, h = at.digit[2] * win.h.step;
    return at.digit[0] * win.x_image + d * win.x_d + h * win.x_h +
           at.digit[3] * win.w.step * win.x_w;
  }
};

// The same for a filter of one element, where every position sees itself, along one axis.
template <>
struct Walker<true> {
  int image, w, images, rest, size;

  __device__ __forceinline__ void start(const Geometry& geo, long long first, int by) {
    size = geo.out[2];
    images = by / size;
    rest = by - images * size;
    image = static_cast<int>(quotient(first, size));
    w = static_cast<int>(first - static_cast<long long>(image) * size);
  }
  __device__ __forceinline__ void advance() {
    w -= size - rest;
    image += images;
    if (w < 0)
      w += size;
    else
      ++image;
  }
  __device__ __forceinline__ bool is_one(const Geometry& geo) const { return image < geo.images; }
  __device__ __forceinline__ long long in_gradient(const Windows& win) const {
    return image * win.y_image + w * win.y_w;
  }
  __device__ __forceinline__ bool sees(const Windows&, const Column&) const { return true; }
  __device__ __forceinline__ long long seen(const Windows& win) const {
    return image * win.x_image + w * win.x_w;
  }
};

// Neighbours read neighbours: channels if they are last, else positions.
struct Reader {
  static constexpr int STEP = LAST ? BLOCK / TILE : BLOCK / BK, COUNT = BK * TILE / BLOCK;
  Walker<POINTWISE> place;
  A value[COUNT];

  __device__ __forceinline__ static int row(int i) {
    return LAST ? threadIdx.x / TILE + i * STEP : threadIdx.x % BK;
  }
  __device__ __forceinline__ static int lane(int i) {
    return LAST ? threadIdx.x % TILE : threadIdx.x / BK + i * STEP;
  }

  __device__ __forceinline__ void start(const Geometry& geo, long long first) {
    place.start(geo, first + row(0), LAST ? STEP : BK);
  }

  __device__ __forceinline__ void put(Tile& tile) const {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) tile[row(i)][lane(i)] = value[i];
  }
};

struct GradientReader : Reader {
  __device__ __forceinline__ void fetch(const T* dy, const Geometry& geo, const Windows& win,
                                        int channel) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int k = channel + lane(i);
      const long long at = place.in_gradient(win) + k * win.y_channel;
      value[i] = place.is_one(geo) && k < geo.rows ? to_compute(dy[at]) : A(0);
      if (LAST) place.advance();
    }
    if (!LAST) place.advance();
  }
};

struct SeenReader : Reader {
  __device__ __forceinline__ void fetch(const T* x, const Geometry& geo, const Windows& win,
                                        const Column* columns, int count) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const Column& column = columns[lane(i)];
      const bool is_seen = place.is_one(geo) && lane(i) < count && place.sees(win, column);
      value[i] = is_seen ? to_compute(x[place.seen(win) + column.x]) : A(0);
      if (LAST) place.advance();
    }
    if (!LAST) place.advance();
  }
};

__device__ __forceinline__ void place_columns(Column* columns, const Geometry& geo,
                                              const Windows& win, long long first) {
  for (int i = threadIdx.x; i < TILE; i += BLOCK) {
    Products products;
    products.start(geo, win, LAST, first + i, 0);
    Column column;
    column.d = win.d.start + win.d.reach * products.jd();
    column.h = win.h.start + win.h.reach * products.jh();
    column.w = win.w.start + win.w.reach * products.jw();
    column.x = products.channel() * win.x_channel + column.d * win.x_d + column.h * win.x_h +
               column.w * win.x_w;
    columns[i] = column;
  }
}

// Where a thread's rows and columns lie in the tile.
__device__ __forceinline__ int spread(int lane, int i) {
  return i / PIECE * (16 * PIECE) + lane * PIECE + i % PIECE;
}

// Add BK products to each sum. They are added up on their own first, which keeps the digits of long
// sums: the error grows with BK + length / BK, not with the length.
__device__ __forceinline__ void multiply(A (&sum)[SIDE][SIDE], const Tile& gradient,
                                         const Tile& seen) {
  A part[SIDE][SIDE] = {};
#pragma unroll
  for (int k = 0; k < BK; ++k) {
    A a[SIDE], b[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; ++i) {
      a[i] = gradient[k][spread(threadIdx.x / 16, i)];
      b[i] = seen[k][spread(threadIdx.x % 16, i)];
    }
#pragma unroll
    for (int i = 0; i < SIDE; ++i) {
#pragma unroll
      for (int j = 0; j < SIDE; ++j) part[i][j] += a[i] * b[j];
    }
  }
#pragma unroll
  for (int i = 0; i < SIDE; ++i) {
#pragma unroll
    for (int j = 0; j < SIDE; ++j) sum[i][j] += part[i][j];
  }
}

// Write a thread's sums to `parts`, of which `rows` x `columns` are left.
__device__ __forceinline__ void store(A* parts, const A (&sum)[SIDE][SIDE], int rows, int columns,
                                      long long width) {
#pragma unroll
  for (int i = 0; i < SIDE; ++i) {
#pragma unroll
    for (int j = 0; j < SIDE; ++j) {
      const int row = spread(threadIdx.x / 16, i), column = spread(threadIdx.x % 16, j);
      if (row < rows && column < columns) parts[row * width + column] = sum[i][j];
    }
  }
}

// parts[s] = sum over the positions s * length ... (s + 1) * length - 1 of dy * x, for each row and
// each column of the filter. dy: (images, groups * rows, *out), x: (images, groups * depth, *size),
// parts: (slices, groups, rows, columns), columns: depth and kernel, or kernel and depth where
// channels are last. length is a multiple of 16. A block computes tiles, one after the other.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK, RESIDENT)
    weight_parts(A* __restrict__ parts, const T* __restrict__ dy, const T* __restrict__ x,
                 long long length, long long slices, int images, int groups, int rows, int depth,
                 int kernel_d, int kernel_h, int kernel_w, int stride_d, int stride_h, int stride_w,
                 int dilation_d, int dilation_h, int dilation_w, int before_d, int before_h,
                 int before_w, int size_d, int size_h, int size_w, int out_d, int out_h,
                 int out_w) {
  __shared__ __align__(16) Tile gradient[2];
  __shared__ __align__(16) Tile seen[2];
  __shared__ Column columns[TILE];
  const Geometry geo = {images,
                        groups,
                        rows,
                        depth,
                        {kernel_d, kernel_h, kernel_w},
                        {stride_d, stride_h, stride_w},
                        {dilation_d, dilation_h, dilation_w},
                        {before_d, before_h, before_w},
                        {size_d, size_h, size_w},
                        {out_d, out_h, out_w}};
  const Windows win = windows_of(geo, false, 0, LAST);
  const long long width = static_cast<long long>(depth) * win.taps();
  const long long row_tiles = (rows + TILE - 1) / TILE, column_tiles = (width + TILE - 1) / TILE;
  const long long tiles = row_tiles * column_tiles, count = tiles * groups * slices;
  for (long long block = blockIdx.x; block < count; block += gridDim.x) {
    const long long slice = block / (tiles * groups), group = block / tiles % groups;
    const int row = static_cast<int>(block % row_tiles * TILE);
    const long long column = block / row_tiles % column_tiles * TILE, first = slice * length;
    const long long steps = (min(length, win.positions - first) + BK - 1) / BK;
    const T* own_dy = dy + group * rows * win.y_channel;
    const T* own_x = x + group * depth * win.x_channel;
    const int wide = static_cast<int>(min(width - column, static_cast<long long>(TILE)));
    __syncthreads();  // the last tile's columns have been used
    place_columns(columns, geo, win, column);
    GradientReader gradients;
    SeenReader inputs;
    gradients.start(geo, first);
    inputs.start(geo, first);
    A sum[SIDE][SIDE] = {};
    __syncthreads();
    for (long long step = 0; step <= steps; ++step) {
      if (step < steps) {
        gradients.fetch(own_dy, geo, win, row);
        inputs.fetch(own_x, geo, win, columns, wide);
      }
      if (step > 0) multiply(sum, gradient[step % 2 ^ 1], seen[step % 2 ^ 1]);
      if (step < steps) {
        gradients.put(gradient[step % 2]);
        inputs.put(seen[step % 2]);
      }
      __syncthreads();
    }
    store(parts + ((slice * groups + group) * rows + row) * width + column, sum, rows - row, wide,
          width);
  }
}

// dw = the sum of `parts` over its slices, in double, one slice after the other. dw: (rows, depth,
// taps) where w_row, w_depth and w_tap are its distances; rows: of all groups. parts: slices that
// are `distance` apart, of (rows, depth, taps), or (rows, taps, padded depth) where channels are
// last. A thread takes one element.
// Bytes: slices * rows * depth * taps * sizeof(A) + rows * depth * taps * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    weight_sum(T* __restrict__ dw, const A* __restrict__ parts, long long slices,
               long long distance, long long padded, long long rows, long long depth,
               long long taps, long long w_row, long long w_depth, long long w_tap) {
  for (long long i = thread_index(); i < rows * depth * taps; i += thread_count()) {
    const long long inner = LAST ? depth : taps, outer = LAST ? taps : depth;
    const long long a = i % inner, b = i / inner % outer, row = i / inner / outer;
    const A* part = parts + (row * outer + b) * (LAST ? padded : taps) + a;
    double sum = 0;
    for (long long s = 0; s < slices; ++s) sum += static_cast<double>(part[s * distance]);
    const long long at = row * w_row + (LAST ? a : b) * w_depth + (LAST ? b : a) * w_tap;
    dw[at] = from_compute<T>(static_cast<A>(sum));
  }
}
