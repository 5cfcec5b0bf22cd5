// Where a point of a sampling grid lies in an input, and which elements around it count. Places are
// rounded as in NumPy, product by product: a fused one could put a point beside another element.
#pragma once
#include "image/exact.cuh"

enum Outside { ZEROS, BORDER, REFLECTION };

// One axis of the input: its size, what to do outside, and whether -1 and 1 are the centers of the
// first and last element, or their outer edges.
struct Scope {
  int size, outside;
  bool corners;
};

// A place on an axis, in elements, and its derivative with respect to the point.
template <class C>
struct Place {
  C at, slope;
};

// `place` mirrored at low / 2 and high / 2 until it is between them.
template <class C>
__device__ __forceinline__ Place<C> reflected(Place<C> place, int low, int high) {
  if (low == high) return {0, 0};
  const C start = static_cast<C>(low) / 2, span = static_cast<C>(high - low) / 2;
  C slope = place.slope, distance = place.at - start;
  if (distance < 0) {
    distance = -distance;
    slope = -slope;
  }
  const C turns = floor(distance / span), rest = plus(distance, -times(turns, span));
  const C pairs = turns / 2;  // exact, and fmod is a hundred instructions
  const bool is_even = floor(pairs) == pairs;
  return {is_even ? rest + start : span - rest + start, is_even ? slope : -slope};
}

// The place in the input that shows what is to be seen at `place`.
template <class C>
__device__ __forceinline__ Place<C> brought_inside(Place<C> place, const Scope& axis) {
  if (axis.outside == ZEROS) return place;
  if (axis.outside == REFLECTION)
    place = axis.corners ? reflected(place, 0, 2 * (axis.size - 1))
                         : reflected(place, -1, 2 * axis.size - 1);
  const C last = axis.size - 1;
  if (!(place.at > 0)) return {0, 0};
  if (place.at >= last) return {last, 0};
  return place;
}

// Up to TAPS elements along an axis: where (-1: outside, counts as 0), the weights, and the
// derivatives of these with respect to the point.
template <class C, int TAPS>
struct Around {
  int at[TAPS];
  C weight[TAPS], slope[TAPS];
};

// `place` as an element's number; -1 if it is outside, also far outside or NaN.
template <class C>
__device__ __forceinline__ int element_at(C place, int size) {
  return place >= 0 && place < static_cast<C>(size) ? static_cast<int>(place) : -1;
}

// Cubic convolution with a = -3/4 at a distance of 0 to 1 or of 1 to 2, and its derivative.
template <class C>
__device__ __forceinline__ void cubic(C distance, C& weight, C& slope) {
  const C a = C(-0.75);
  if (distance <= 1) {
    weight = ((a + 2) * distance - (a + 3)) * distance * distance + 1;
    slope = (3 * (a + 2) * distance - 2 * (a + 3)) * distance;
  } else {
    weight = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
    slope = (3 * a * distance - 10 * a) * distance + 8 * a;
  }
}

// The elements around a point: 1 is the nearest, 2 are interpolated linearly, 4 by cubics.
template <class C, int TAPS>
__device__ __forceinline__ Around<C, TAPS> around(C point, const Scope& axis) {
  Around<C, TAPS> found;
  const C half = axis.corners ? static_cast<C>(axis.size - 1) / 2 : static_cast<C>(axis.size) / 2;
  const C shift = axis.corners ? half : half - C(0.5);
  Place<C> place{plus(times(point, half), shift), half};
  if (TAPS < 4) place = brought_inside(place, axis);
  if (TAPS == 1) {
    found.at[0] = element_at(rint(place.at), axis.size);
    found.weight[0] = 1;
    found.slope[0] = 0;
    return found;
  }
  const C base = floor(place.at), share = place.at - base;
#pragma unroll
  for (int k = 0; k < TAPS; ++k) {
    if (TAPS == 2) {
      found.at[k] = element_at(base + k, axis.size);
      found.weight[k] = k == 0 ? 1 - share : share;
      found.slope[k] = k == 0 ? -place.slope : place.slope;
    } else {
      const C tap = base + (k - 1);
      found.at[k] = element_at(brought_inside(Place<C>{tap, 0}, axis).at, axis.size);
      cubic(k == 0   ? share + 1
            : k == 1 ? share
            : k == 2 ? 1 - share
                     : 2 - share,
            found.weight[k], found.slope[k]);
      found.slope[k] *= k < 2 ? place.slope : -place.slope;
    }
  }
  return found;
}

// The elements around a point in all axes; with two axes the first of `d` alone counts.
template <class C, int TAPS>
struct Surroundings {
  static constexpr int DEPTH = TAPS == 4 ? 1 : TAPS;  // cubics are for two axes
  Around<C, TAPS> w, h;
  Around<C, DEPTH> d;
  int rank;

  // Calls f(number, place, j, k, l) for tap l of the width, k of the height, j of the depth; place
  // is -1 outside.
  template <class F>
  __device__ __forceinline__ void each(int height, int width, F f) const {
#pragma unroll
    for (int j = 0; j < DEPTH; ++j) {
      if (j > 0 && rank == 2) break;
#pragma unroll
      for (int k = 0; k < TAPS; ++k) {
#pragma unroll
        for (int l = 0; l < TAPS; ++l) {
          const bool is_inside = d.at[j] >= 0 && h.at[k] >= 0 && w.at[l] >= 0;
          const long long row = static_cast<long long>(d.at[j]) * height + h.at[k];
          f((j * TAPS + k) * TAPS + l, is_inside ? row * width + w.at[l] : -1LL, j, k, l);
        }
      }
    }
  }
};

template <class C, int TAPS, class X>
__device__ __forceinline__ Surroundings<C, TAPS> surroundings(const X* point, int rank, int size_d,
                                                              int size_h, int size_w, int outside,
                                                              bool corners) {
  Surroundings<C, TAPS> found;
  found.rank = rank;
  found.w = around<C, TAPS>(to_compute(point[0]), {size_w, outside, corners});
  found.h = around<C, TAPS>(to_compute(point[1]), {size_h, outside, corners});
  constexpr int DEPTH = Surroundings<C, TAPS>::DEPTH;
  if (rank == 3) {
    found.d = around<C, DEPTH>(to_compute(point[2]), {size_d, outside, corners});
  } else {
#pragma unroll
    for (int k = 0; k < DEPTH; ++k) {
      found.d.at[k] = 0;
      found.d.weight[k] = 1;
      found.d.slope[k] = 0;
    }
  }
  return found;
}
