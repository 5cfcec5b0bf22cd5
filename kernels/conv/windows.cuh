// The windows of a convolution: which elements of the input and of the filter an element of the
// result sees. Used by kernels/conv/*.cu, whose constant LAST says whether channels are last.
#pragma once
#include "common.cuh"

// What the host passes. Output position p sees the elements p * stride - before + r * dilation,
// r < kernel, of an input of `size`. Forward, the result has `out` elements along an axis, and
// `rows` channels in a group, from `depth` channels of the input. Transposed, the result is the
// gradient of the input: it has `size` elements, from `out`.
struct Geometry {
  int images, groups, rows, depth;
  int kernel[3], stride[3], dilation[3], before[3], size[3], out[3];

  __device__ __forceinline__ int taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// a / b of numbers that are not negative; in 32 bits where they fit, which takes a fraction of the
// time.
__device__ __forceinline__ long long quotient(long long a, long long b) {
  if (((a | b) >> 32) != 0) return a / b;
  return static_cast<unsigned int>(a) / static_cast<unsigned int>(b);
}

// One axis of one part. Position i < count is element first + every * i of the result. With tap
// j < taps, which is element tap_first + tap_every * j of the filter, it sees element
// start + step * i + reach * j of the input; outside of 0 ... size - 1 are zeros.
struct Axis {
  int count, first, every, start, step, reach, taps, tap_first, tap_every, size, result;
};

__device__ __forceinline__ int greatest_divisor(int a, int b) {
  while (b != 0) {
    const int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// A convolution has one part. A transposed one has a part for each residue of its elements modulo
// the stride, since elements of one residue see the same taps: those r for which
// residue + before - r * dilation is a multiple of the stride.
__device__ __forceinline__ int parts_along(const Geometry& geo, bool transposed, int axis) {
  return transposed ? min(geo.stride[axis], geo.size[axis]) : 1;
}

__device__ __forceinline__ Axis transposed_axis(const Geometry& geo, int axis, int residue) {
  const int stride = geo.stride[axis], dilation = geo.dilation[axis], kernel = geo.kernel[axis];
  const int size = geo.size[axis], shared = stride == 1 ? 1 : greatest_divisor(stride, dilation);
  const int every = stride / shared;
  long long seen = static_cast<long long>(residue) + geo.before[axis];  // by tap 0, in steps of 1
  int first = 0;
  while (first < min(every, kernel) && seen % stride != 0) {
    seen -= dilation;
    ++first;
  }
  Axis result;
  result.count = residue < size ? (size - residue - 1) / stride + 1 : 0;
  result.first = residue;
  result.every = stride;
  result.taps = first < min(every, kernel) ? (kernel - first - 1) / every + 1 : 0;
  result.start = static_cast<int>(seen / stride);
  result.step = 1;
  result.reach = -(dilation / shared);
  result.tap_first = first;
  result.tap_every = every;
  result.size = geo.out[axis];
  result.result = size;
  return result;
}

__device__ __forceinline__ Axis forward_axis(const Geometry& geo, int axis) {
  Axis result;
  result.count = result.result = geo.out[axis];
  result.first = 0;
  result.every = 1;
  result.start = -geo.before[axis];
  result.step = geo.stride[axis];
  result.reach = geo.dilation[axis];
  result.taps = geo.kernel[axis];
  result.tap_first = 0;
  result.tap_every = 1;
  result.size = geo.size[axis];
  return result;
}

// One part of a convolution, in arrays (images, groups * channels, *positions), channels first or
// last. It is the same for all threads of a block: kernels that are short of registers keep it in
// shared memory.
struct Windows {
  Axis d, h, w;
  long long per_image, positions;               // in this part: of an image, of all images
  long long x_image, x_channel, x_d, x_h, x_w;  // distances in the input, between elements
  long long y_image, y_channel, y_d, y_h, y_w;  // in the result, between positions of the part
  long long y_first;

  __device__ __forceinline__ int taps() const { return d.taps * h.taps * w.taps; }

  // Which element of the filter the taps j are, counted through its axes.
  __device__ __forceinline__ long long tap(const Geometry& geo, int jd, int jh, int jw) const {
    const long long at_d = d.tap_first + static_cast<long long>(d.tap_every) * jd;
    const long long at_h = h.tap_first + static_cast<long long>(h.tap_every) * jh;
    const int at_w = w.tap_first + w.tap_every * jw;
    return (at_d * geo.kernel[1] + at_h) * geo.kernel[2] + at_w;
  }
};

__device__ __forceinline__ Windows windows_of(const Geometry& geo, bool transposed, int part,
                                              bool last) {
  Windows win;
  if (transposed) {
    const int parts_w = parts_along(geo, true, 2), parts_h = parts_along(geo, true, 1);
    win.w = transposed_axis(geo, 2, part % parts_w);
    win.h = transposed_axis(geo, 1, part / parts_w % parts_h);
    win.d = transposed_axis(geo, 0, part / parts_w / parts_h);
  } else {
    win.d = forward_axis(geo, 0);
    win.h = forward_axis(geo, 1);
    win.w = forward_axis(geo, 2);
  }
  if (win.h.taps == 0 || win.w.taps == 0) win.d.taps = 0;  // the part sees nothing
  win.per_image = static_cast<long long>(win.d.count) * win.h.count * win.w.count;
  win.positions = win.per_image * geo.images;
  const long long area = static_cast<long long>(win.d.size) * win.h.size * win.w.size;
  const long long channels = static_cast<long long>(geo.groups) * geo.depth;
  win.x_image = area * channels;
  win.x_channel = last ? 1 : area;
  win.x_w = last ? channels : 1;
  win.x_h = win.x_w * win.w.size;
  win.x_d = win.x_h * win.h.size;
  const long long y_area = static_cast<long long>(win.d.result) * win.h.result * win.w.result;
  const long long y_channels = static_cast<long long>(geo.groups) * geo.rows;
  const long long y_w = last ? y_channels : 1, y_h = y_w * win.w.result, y_d = y_h * win.h.result;
  win.y_image = y_area * y_channels;
  win.y_channel = last ? 1 : y_area;
  win.y_first = win.d.first * y_d + win.h.first * y_h + win.w.first * y_w;
  win.y_w = y_w * win.w.every;
  win.y_h = y_h * win.h.every;
  win.y_d = y_d * win.d.every;
  return win;
}

// One position of the result: the element (d, h, w) of the input that its first taps see; where
// that lies in the input, if it is inside, and where the result lies, both at channel 0. y < 0: no
// position.
struct Position {
  long long x, y;
  int d, h, w;
};

__device__ __forceinline__ Position position_at(const Windows& win, long long number) {
  const long long n = quotient(number, win.per_image), rest = number - n * win.per_image;
  const long long row = quotient(rest, win.w.count);
  const int i = static_cast<int>(rest - row * win.w.count);
  const int k = static_cast<int>(quotient(row, win.h.count));
  const int j = static_cast<int>(row - static_cast<long long>(k) * win.h.count);
  Position place;
  place.d = win.d.start + win.d.step * k;
  place.h = win.h.start + win.h.step * j;
  place.w = win.w.start + win.w.step * i;
  place.x = n * win.x_image + place.d * win.x_d + place.h * win.x_h + place.w * win.x_w;
  place.y = n * win.y_image + win.y_first + k * win.y_d + j * win.y_h + i * win.y_w;
  return place;
}

// Whether 0 <= element < size.
__device__ __forceinline__ bool is_on(int element, int size) {
  return static_cast<unsigned int>(element) < static_cast<unsigned int>(size);
}

// Whether the taps j of a position see an element of the input, and how far that is from what its
// first taps see.
__device__ __forceinline__ bool is_inside(const Windows& win, const Position& at, int jd, int jh,
                                          int jw) {
  return is_on(at.d + win.d.reach * jd, win.d.size) && is_on(at.h + win.h.reach * jh, win.h.size) &&
         is_on(at.w + win.w.reach * jw, win.w.size);
}

__device__ __forceinline__ long long tap_offset(const Windows& win, int jd, int jh, int jw) {
  return win.d.reach * jd * win.x_d + win.h.reach * jh * win.x_h + win.w.reach * jw * win.x_w;
}

// A number with four digits in mixed radix, the first without bound, that goes up in equal steps:
// divisions at the start, none in the loop.
struct Gears {
  int step[4], radix[4];

  __device__ __forceinline__ void split(long long number, int (&digit)[4]) const {
#pragma unroll
    for (int i = 3; i > 0; --i) {
      const long long more = quotient(number, radix[i]);
      digit[i] = static_cast<int>(number - more * radix[i]);
      number = more;
    }
    digit[0] = static_cast<int>(number);
  }

  __device__ __forceinline__ void set(int by, int a, int b, int c) {
    radix[0] = 1;
    radix[1] = max(a, 1);
    radix[2] = max(b, 1);
    radix[3] = max(c, 1);
    split(by, step);
  }
};

struct Odometer {
  int digit[4];

  __device__ __forceinline__ void start(long long number, const Gears& gears) {
    gears.split(number, digit);
  }

  __device__ __forceinline__ void advance(const Gears& gears) {
    int carry = 0;
#pragma unroll
    for (int i = 3; i > 0; --i) {
      digit[i] += gears.step[i] + carry;
      carry = digit[i] >= gears.radix[i];
      if (carry) digit[i] -= gears.radix[i];
    }
    digit[0] += gears.step[0] + carry;
  }
};

struct Place {
  long long row_tile, column_tile;
  int group, part;
};

// The tiles of a product of `rows` x positions, in all parts and groups; rows go first, so that
// blocks side by side see the same input.
struct Tiling {
  long long row_tiles, column_tiles, count;
  int parts;

  __device__ __forceinline__ Place place(long long tile, const Geometry& geo) const {
    const long long columns = tile / row_tiles, groups = columns / column_tiles;
    const int part = static_cast<int>(groups / geo.groups);
    return {tile - columns * row_tiles, columns - groups * column_tiles,
            static_cast<int>(groups - static_cast<long long>(part) * geo.groups), part};
  }
};

__device__ __forceinline__ Tiling tiling_of(const Geometry& geo, bool transposed, int rows,
                                            int columns) {
  Tiling tiling;
  long long most = geo.images;
  tiling.parts = 1;
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    tiling.parts *= parts_along(geo, transposed, i);
    most *= transposed ? (geo.size[i] - 1) / geo.stride[i] + 1 : geo.out[i];
  }
  tiling.row_tiles = (geo.rows + rows - 1) / rows;
  tiling.column_tiles = (most + columns - 1) / columns;
  tiling.count = tiling.row_tiles * tiling.column_tiles * geo.groups * tiling.parts;
  return tiling;
}

// The positions of a tile's `COLUMNS` columns, one for each of the first threads.
template <int COLUMNS>
__device__ __forceinline__ void place_columns(Position* positions, const Windows& win,
                                              long long first) {
  for (int i = threadIdx.x; i < COLUMNS; i += blockDim.x) {
    if (first + i < win.positions)
      positions[i] = position_at(win, first + i);
    else
      positions[i] = {0, -1, 0, 0, 0};
  }
}
