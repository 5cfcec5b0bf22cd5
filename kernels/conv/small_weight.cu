// The gradient of a convolution's weight with few channels, directly. Twin: gpunn/ops/conv.
// (T, A): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// (ROWS, COLUMNS): (16, 2), (8, 1)
// LAST: 0, 1
// BLOCK: 256
#include "conv/windows.cuh"

// A thread sums ROWS channels of dy by COLUMNS columns of the filter (channels and taps) over some
// positions. A block has `lanes` threads side by side, whose columns follow each other, and BLOCK /
// lanes of such groups, which take turns at the positions. It goes from tile to tile of the output:
// high x wide positions of one image and depth, MOST at most, and all that these see of x (the
// patch) are brought to shared memory once.
constexpr int MOST = 256;
constexpr int PITCH = ROWS + 4;  // of a position of dy; 4 more, so that a warp writes to more banks

// The patch: for each channel and tap of depth a plane, `plane` apart, of rows, `pitch` apart.
struct Patch {
  int high, wide;            // positions of a tile
  int rows, columns;         // of a plane
  int pitch, plane, planes;  // planes: of one channel
};

__device__ __forceinline__ Patch patch_of(const Geometry& geo, int high, int wide, int pitch,
                                          int plane) {
  const int rows = (high - 1) * geo.stride[1] + (geo.kernel[1] - 1) * geo.dilation[1] + 1;
  const int columns = (wide - 1) * geo.stride[2] + (geo.kernel[2] - 1) * geo.dilation[2] + 1;
  return {high, wide, rows, columns, pitch, plane, geo.kernel[0]};
}

// Its elements one after the other, the nearest in memory last, in steps of BLOCK.
__device__ __forceinline__ Gears elements_of(const Patch& patch, const Geometry& geo) {
  Gears gears;
  if (LAST)
    gears.set(BLOCK, patch.rows, patch.columns, geo.depth);
  else
    gears.set(BLOCK, patch.planes, patch.rows, patch.columns);
  return gears;
}

// Where a tile lies.
struct Spot {
  long long n;
  int d, h, w;
};

__device__ __forceinline__ Spot place_of(long long tile, const Patch& patch, const Geometry& geo) {
  const int wide = (geo.out[2] + patch.wide - 1) / patch.wide;
  const int high = (geo.out[1] + patch.high - 1) / patch.high;
  const long long row = quotient(tile, wide), plane = quotient(row, high);
  const long long n = quotient(plane, geo.out[0]);
  return {n, static_cast<int>(plane - n * geo.out[0]),
          static_cast<int>(row - plane * high) * patch.high,
          static_cast<int>(tile - row * wide) * patch.wide};
}

// Fill the patch with what the tile sees, zeros outside. `at`: this thread's first element. x: of
// one group.
__device__ __forceinline__ void load_patch(A* values, const T* x, const Patch& patch,
                                           const Geometry& geo, const Windows& win,
                                           const Spot& tile, Odometer at, const Gears& gears) {
  const T* image = x + tile.n * win.x_image;
  const int d0 = tile.d * win.d.step + win.d.start, h0 = tile.h * win.h.step + win.h.start;
  const int w0 = tile.w * win.w.step + win.w.start;
  for (; at.digit[0] < (LAST ? patch.planes : geo.depth); at.advance(gears)) {
    const int c = at.digit[LAST ? 3 : 0], jd = at.digit[LAST ? 0 : 1];
    const int i = at.digit[LAST ? 1 : 2], j = at.digit[LAST ? 2 : 3];
    const int d = d0 + win.d.reach * jd, h = h0 + i, w = w0 + j;
    const bool is_seen = is_on(d, win.d.size) && is_on(h, win.h.size) && is_on(w, win.w.size);
    values[(c * patch.planes + jd) * patch.plane + i * patch.pitch + j] =
        is_seen ? to_compute(image[c * win.x_channel + d * win.x_d + h * win.x_h + w * win.x_w])
                : A(0);
  }
}

// Fill values[position][row] with dy of the tile, `left` rows of it, and `seen` with where in the
// patch the first tap of each position lies: -1 outside of the output.
__device__ __forceinline__ void load_gradient(A* values, int* seen, const T* dy, const Patch& patch,
                                              const Geometry& geo, const Windows& win,
                                              const Spot& tile, int left) {
  const int count = patch.high * patch.wide;
  const T* first = dy + tile.n * win.y_image + tile.d * win.y_d;
  for (int i = threadIdx.x; i < count * ROWS; i += BLOCK) {
    const int p = LAST ? i / ROWS : i % count, row = LAST ? i % ROWS : i / count;
    const int h = p / patch.wide, w = p - h * patch.wide;
    const bool is_there = tile.h + h < geo.out[1] && tile.w + w < geo.out[2];
    values[p * PITCH + row] =
        is_there && row < left
            ? to_compute(
                  first[row * win.y_channel + (tile.h + h) * win.y_h + (tile.w + w) * win.y_w])
            : A(0);
    if (row == 0) seen[p] = is_there ? h * win.h.step * patch.pitch + w * win.w.step : -1;
  }
}

// Where in the patch the thread's columns lie, relative to the first tap of a position; columns
// that the filter does not have count as the first.
__device__ __forceinline__ void place_columns(int (&places)[COLUMNS], int first, int lanes,
                                              const Patch& patch, const Geometry& geo,
                                              const Windows& win) {
  Gears gears;
  if (LAST)
    gears.set(0, win.h.taps, win.w.taps, geo.depth);
  else
    gears.set(0, win.d.taps, win.h.taps, win.w.taps);
#pragma unroll
  for (int k = 0; k < COLUMNS; ++k) {
    Odometer at;
    at.start(first + k * lanes, gears);
    const int c = at.digit[LAST ? 3 : 0], jd = at.digit[LAST ? 0 : 1];
    const int jh = at.digit[LAST ? 1 : 2], jw = at.digit[LAST ? 2 : 3];
    const bool is_one = at.digit[0] < (LAST ? win.d.taps : geo.depth);
    places[k] = is_one ? (c * patch.planes + jd) * patch.plane + jh * win.h.reach * patch.pitch +
                             jw * win.w.reach
                       : 0;
  }
}

// Add the products of a tile's positions first, first + step, ... They are added up on their own
// first, which keeps the digits of long sums.
__device__ __forceinline__ void multiply(A (&sum)[COLUMNS][ROWS], const A* patch, const A* gradient,
                                         const int* seen, const int (&places)[COLUMNS], int first,
                                         int count, int step) {
  A part[COLUMNS][ROWS] = {};
  for (int p = first; p < count; p += step) {
    const int at = seen[p];
    if (at < 0) continue;
    A value[COLUMNS];
#pragma unroll
    for (int k = 0; k < COLUMNS; ++k) value[k] = patch[at + places[k]];
#pragma unroll
    for (int i = 0; i < ROWS; i += Vector<A>::LENGTH) {
      const Vector<A> dy = load_vector(gradient + p * PITCH + i);
#pragma unroll
      for (int j = 0; j < Vector<A>::LENGTH; ++j) {
#pragma unroll
        for (int k = 0; k < COLUMNS; ++k) part[k][i + j] += dy.at[j] * value[k];
      }
    }
  }
#pragma unroll
  for (int k = 0; k < COLUMNS; ++k) {
#pragma unroll
    for (int i = 0; i < ROWS; ++i) sum[k][i] += part[k][i];
  }
}

// Write the sums of all groups, added up one after the other, to `parts`, of which `rows` x
// `columns` are left. `memory`: ROWS * BLOCK elements, free.
__device__ __forceinline__ void store(A* parts, const A (&sum)[COLUMNS][ROWS], A* memory, int lanes,
                                      int rows, int columns, long long width) {
#pragma unroll
  for (int k = 0; k < COLUMNS; ++k) {
    __syncthreads();  // what was there has been used
#pragma unroll
    for (int i = 0; i < ROWS; ++i) memory[i * BLOCK + threadIdx.x] = sum[k][i];
    __syncthreads();
    for (int i = threadIdx.x; i < ROWS * lanes; i += BLOCK) {
      const int row = i / lanes, lane = i - row * lanes, column = k * lanes + lane;
      if (row >= rows || column >= columns) continue;
      A total = 0;
      for (int group = lane; group < BLOCK; group += lanes) total += memory[row * BLOCK + group];
      parts[row * width + column] = total;
    }
  }
}

// parts[s] = sum over the tiles s * length ... (s + 1) * length - 1 of dy * x, as `weight_parts` of
// conv/weight.cu. high, wide: positions of a tile; pitch, plane: of the patch; lanes: 32, 64, 128
// or 256. Shared, of A: the larger of ROWS * BLOCK and depth * kernel_d * plane rounded up to 16
// bytes + high * wide * PITCH.
// FLOPs: 2 * images * groups * rows * depth * out_d * out_h * out_w * kernel_d * kernel_h *
// kernel_w.
extern "C" __global__ void __launch_bounds__(BLOCK)
    weight_small(A* __restrict__ parts, const T* __restrict__ dy, const T* __restrict__ x,
                 long long length, long long slices, int high, int wide, int pitch, int plane,
                 int lanes, int images, int groups, int rows, int depth, int kernel_d, int kernel_h,
                 int kernel_w, int stride_d, int stride_h, int stride_w, int dilation_d,
                 int dilation_h, int dilation_w, int before_d, int before_h, int before_w,
                 int size_d, int size_h, int size_w, int out_d, int out_h, int out_w) {
  extern __shared__ Vector<A> memory[];  // aligned to what load_vector reads
  __shared__ int seen[MOST];
  __shared__ Windows win;
  __shared__ Gears gears;
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
  const Patch patch = patch_of(geo, high, wide, pitch, plane);
  if (threadIdx.x == 0) {
    win = windows_of(geo, false, 0, LAST);
    gears = elements_of(patch, geo);
  }
  __syncthreads();
  Odometer start;
  start.start(threadIdx.x, gears);
  A* values = reinterpret_cast<A*>(memory);
  A* gradient = reinterpret_cast<A*>(memory + (depth * kernel_d * plane + Vector<A>::LENGTH - 1) /
                                                  Vector<A>::LENGTH);
  const int width = depth * geo.taps(), lane = threadIdx.x % lanes, group = threadIdx.x / lanes;
  const int row_tiles = (rows + ROWS - 1) / ROWS;
  const int column_tiles = (width + lanes * COLUMNS - 1) / (lanes * COLUMNS);
  const long long all = static_cast<long long>(images) * out_d * ((out_h + high - 1) / high) *
                        ((out_w + wide - 1) / wide);
  const long long tiles = static_cast<long long>(row_tiles) * column_tiles * groups;
  for (long long block = blockIdx.x; block < tiles * slices; block += gridDim.x) {
    const long long slice = block / tiles, g = block / row_tiles / column_tiles % groups;
    const int row = static_cast<int>(block % row_tiles) * ROWS;
    const int column = static_cast<int>(block / row_tiles % column_tiles) * lanes * COLUMNS;
    int places[COLUMNS];
    place_columns(places, column + lane, lanes, patch, geo, win);
    A sum[COLUMNS][ROWS] = {};
    const T* own_dy = dy + (g * rows + row) * win.y_channel;
    const T* own_x = x + g * depth * win.x_channel;
    const long long end = min(all, (slice + 1) * length);
    for (long long tile = slice * length; tile < end; ++tile) {
      const Spot place = place_of(tile, patch, geo);
      __syncthreads();  // the last tile has been used
      load_patch(values, own_x, patch, geo, win, place, start, gears);
      load_gradient(gradient, seen, own_dy, patch, geo, win, place, rows - row);
      __syncthreads();
      multiply(sum, values, gradient, seen, places, group, high * wide, BLOCK / lanes);
    }
    store(parts + ((slice * groups + g) * rows + row) * width + column, sum, values, lanes,
          rows - row, width - column, width);
  }
}
