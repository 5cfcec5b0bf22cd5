// The products that a position sums, one after the other. Used by kernels/conv/correlate.cu and
// weight.cu.
#pragma once
#include "conv/windows.cuh"

// The products that a result sums, in order: channels and taps, the nearest in memory last.
struct Products {
  Odometer number;
  Gears gears;
  bool last;

  __device__ __forceinline__ void start(const Geometry& geo, const Windows& win, bool channels_last,
                                        int first, int by) {
    last = channels_last;
    if (last)
      gears.set(by, win.h.taps, win.w.taps, geo.depth);
    else
      gears.set(by, win.d.taps, win.h.taps, win.w.taps);
    number.start(first, gears);
  }

  __device__ __forceinline__ int channel() const { return number.digit[last ? 3 : 0]; }
  __device__ __forceinline__ void advance() { number.advance(gears); }
  __device__ __forceinline__ int jd() const { return number.digit[last ? 0 : 1]; }
  __device__ __forceinline__ int jh() const { return number.digit[last ? 1 : 2]; }
  __device__ __forceinline__ int jw() const { return number.digit[last ? 2 : 3]; }

  __device__ __forceinline__ bool is_one(const Geometry& geo, const Windows& win) const {
    return number.digit[0] < (last ? win.d.taps : geo.depth);
  }

  // Where the product's weight lies, whether the position `at` sees an element, and how far that is
  // from what its first taps see in channel 0.
  __device__ __forceinline__ long long weight(const Geometry& geo, const Windows& win,
                                              long long w_depth, long long w_tap) const {
    return channel() * w_depth + win.tap(geo, jd(), jh(), jw()) * w_tap;
  }
  __device__ __forceinline__ bool sees(const Windows& win, const Position& at) const {
    return is_inside(win, at, jd(), jh(), jw());
  }
  __device__ __forceinline__ long long seen(const Windows& win) const {
    return channel() * win.x_channel + tap_offset(win, jd(), jh(), jw());
  }
};

// The same for a filter of one element, where every position sees itself: the channels alone.
struct Channels {
  int number, step;

  __device__ __forceinline__ void start(const Geometry&, const Windows&, bool, int first, int by) {
    number = first;
    step = by;
  }
  __device__ __forceinline__ void advance() { number += step; }
  __device__ __forceinline__ bool is_one(const Geometry& geo, const Windows&) const {
    return number < geo.depth;
  }
  __device__ __forceinline__ long long weight(const Geometry&, const Windows&, long long w_depth,
                                              long long) const {
    return number * w_depth;
  }
  __device__ __forceinline__ bool sees(const Windows&, const Position&) const { return true; }
  __device__ __forceinline__ long long seen(const Windows& win) const {
    return number * win.x_channel;
  }
};

template <bool POINTWISE>
struct ProductsOf {
  using type = Products;
};
template <>
struct ProductsOf<true> {
  using type = Channels;
};
